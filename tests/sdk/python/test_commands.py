"""Commands whose replies the client takes apart."""

import hashlib
import re

import pytest
from upstash_redis.errors import UpstashError


def test_ping_is_answered(redis):
    assert redis.ping() == "PONG"
    assert redis.echo("hello") == "hello"


def test_a_raw_command_is_executed(redis):
    assert redis.execute(["SET", "key", "value", "EX", 100]) is True
    assert redis.execute(["getrange", "key", 1, 2]) == "al"


def test_a_hash_reads_back_as_a_dict(redis):
    assert redis.hset("hash", values={"name": "Ada", "born": 1815}) == 2
    assert redis.hgetall("hash") == {"name": "Ada", "born": "1815"}
    assert redis.hgetall("missing") == {}


def test_a_field_of_a_hash_expires_by_itself(redis):
    redis.hset("hash", values={"lasting": 1, "passing": 2})
    assert redis.hexpire("hash", "passing", 100) == [1]
    lasting, passing, missing = redis.httl("hash", ["lasting", "passing", "missing"])
    assert lasting == -1
    assert 0 < passing <= 100
    assert missing == -2


def test_a_sorted_set_reads_back_in_order_with_scores(redis):
    assert redis.zadd("zset", {"b": 2.5, "a": 1, "c": 10}) == 3
    assert redis.zrange("zset", 0, -1, withscores=True) == [("a", 1), ("b", 2.5), ("c", 10)]
    assert redis.zscore("zset", "b") == 2.5


def test_a_list_reads_back_in_order(redis):
    assert redis.lpush("list", "one", "two", "three") == 3
    assert redis.lrange("list", 0, -1) == ["three", "two", "one"]


@pytest.mark.parametrize("elements", [["message", "a", "b"], ["subscribe", "c", "1"]])
def test_a_list_that_looks_like_a_message_of_a_subscription_is_a_list(redis, elements):
    redis.rpush("list", *elements)
    assert redis.lrange("list", 0, -1) == elements


def test_scan_finds_every_key(redis):
    users = {f"user:{i}" for i in range(300)}
    redis.mset({"other": 1, **dict.fromkeys(users, 1)})
    cursor, keys = redis.scan(0, match="user:*", count=50)
    found = set(keys)
    while cursor != 0:
        cursor, keys = redis.scan(cursor, match="user:*", count=50)
        found.update(keys)
    assert found == users


def test_eval_gets_keys_and_arguments_and_returns_nested_arrays(redis):
    script = "return {KEYS[1], ARGV[1], {1, {'deep'}}, false}"
    expected = ["key", "👋", [1, ["deep"]], None]
    assert redis.eval(script, keys=["key"], args=["👋"]) == expected


def test_a_script_that_redis_does_not_know_yet_is_sent_once_and_known_then(redis):
    redis.script_flush()
    script = "return 'scripted ' .. ARGV[1]"
    sha = hashlib.sha1(script.encode()).hexdigest()
    with pytest.raises(UpstashError, match="^NOSCRIPT "):
        redis.evalsha(sha, args=["x"])
    assert redis.eval(script, args=["once"]) == "scripted once"
    assert redis.evalsha(sha, args=["again"]) == "scripted again"


def test_a_stream_reads_back_in_order(redis):
    assert redis.xadd("stream", "1-0", {"text": "first", "n": 1}) == "1-0"
    generated = redis.xadd("stream", "*", {"text": "second 🎉"})
    assert re.fullmatch(r"\d+-\d+", generated)
    first = ["1-0", ["text", "first", "n", "1"]]
    assert redis.xrange("stream") == [first, [generated, ["text", "second 🎉"]]]
    assert redis.xrange("stream", count=1) == [first]
