"""Hashes."""

from .checks import soon


def hdel(redis):
    redis.hset("hash", values={"a": 1, "b": 2, "c": 3})
    assert redis.hdel("hash", "a", "b", "missing") == 2
    assert redis.hgetall("hash") == {"c": "3"}


def hexists(redis):
    redis.hset("hash", "a", 1)
    assert redis.hexists("hash", "a") is True
    assert redis.hexists("hash", "b") is False


def hget(redis):
    redis.hset("hash", values={"text": "OK"})
    assert redis.hget("hash", "text") == "OK"
    assert redis.hget("hash", "missing") is None


def hgetall(redis):
    redis.hset("hash", values={"text": "👋", "n": 1.5})
    assert redis.hgetall("hash") == {"text": "👋", "n": "1.5"}
    assert redis.hgetall("missing") == {}


def hgetdel(redis):
    redis.hset("hash", values={"a": 1, "b": "two", "c": 3})
    assert redis.hgetdel("hash", "a", "b", "missing") == ["1", "two", None]
    assert redis.hgetall("hash") == {"c": "3"}


def hgetex(redis):
    redis.hset("hash", values={"a": 1, "b": "two"})
    at = soon()
    for expiry in ({"ex": 100}, {"px": 100_000}, {"exat": at}, {"pxat": at * 1000}):
        assert redis.hgetex("hash", "a", "b", "missing", **expiry) == ["1", "two", None]
        assert 1 <= redis.httl("hash", "b")[0] <= 1001
        assert redis.hgetex("hash", "b", persist=True) == ["two"]
        assert redis.httl("hash", "b") == [-1]


def hincrby(redis):
    assert redis.hincrby("hash", "n", 3) == 3
    assert redis.hincrby("hash", "n", -5) == -2


def hincrbyfloat(redis):
    assert redis.hincrbyfloat("hash", "n", 1.5) == 1.5
    assert redis.hincrbyfloat("hash", "n", 1) == 2.5


def hkeys(redis):
    redis.hset("hash", values={"a": 1, "b": 2})
    assert sorted(redis.hkeys("hash")) == ["a", "b"]
    assert redis.hkeys("missing") == []


def hlen(redis):
    redis.hset("hash", values={"a": 1, "b": 2})
    assert redis.hlen("hash") == 2


def hmget(redis):
    redis.hset("hash", values={"a": 1, "b": "two"})
    assert redis.hmget("hash", "a", "b", "c") == ["1", "two", None]


def hmset(redis):
    assert redis.hmset("hash", {"a": 1, "b": "two"}) is True
    assert redis.hgetall("hash") == {"a": "1", "b": "two"}


def hrandfield(redis):
    redis.hset("hash", values={"a": 1, "b": 2})
    assert redis.hrandfield("hash") in ("a", "b")
    assert sorted(redis.hrandfield("hash", 5)) == ["a", "b"]
    assert redis.hrandfield("hash", 5, withvalues=True) == {"a": "1", "b": "2"}
    assert redis.hrandfield("missing") is None


def hscan(redis):
    redis.hset("hash", values={"a": 1, "ab": "two", "c": 3})
    assert redis.hscan("hash", 0) == (0, {"a": "1", "ab": "two", "c": "3"})
    assert redis.hscan("hash", 0, match="?b", count=100) == (0, {"ab": "two"})


def hset(redis):
    assert redis.hset("hash", "a", 1) == 1
    assert redis.hset("hash", values={"a": 2, "b": 3}) == 1
    assert redis.hgetall("hash") == {"a": "2", "b": "3"}


def hsetex(redis):
    at = soon()
    for expiry in ({"ex": 100}, {"px": 100_000}, {"exat": at}, {"pxat": at * 1000}):
        assert redis.hsetex("hash", values={"a": 1, "b": "two"}, **expiry) == 1
        assert 1 <= redis.httl("hash", "b")[0] <= 1001
    assert redis.hsetex("hash", "b", 3, keepttl=True) == 1
    assert 1 <= redis.httl("hash", "b")[0] <= 1001
    assert redis.hsetex("hash", values={"a": 9, "c": 9}, fnx=True) == 0
    assert redis.hsetex("hash", values={"a": 9, "c": 9}, fxx=True) == 0
    assert redis.hsetex("hash", "a", 4, fxx=True) == 1
    assert redis.hgetall("hash") == {"a": "4", "b": "3"}
    assert redis.httl("hash", "a") == [-1]


def hsetnx(redis):
    assert redis.hsetnx("hash", "a", "first") is True
    assert redis.hsetnx("hash", "a", "second") is False
    assert redis.hget("hash", "a") == "first"


def hstrlen(redis):
    redis.hset("hash", "a", "héllo")
    assert redis.hstrlen("hash", "a") == 6


def hvals(redis):
    redis.hset("hash", values={"a": 1, "b": "two"})
    assert sorted(redis.hvals("hash")) == ["1", "two"]
