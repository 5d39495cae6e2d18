"""The server."""

import time as clock

from .checks import fails


def client_setinfo(redis):
    # CLIENT would change a connection that others share; Upstash refuses it as well.
    with fails('^ERR Command "CLIENT" is not allowed in REST'):
        redis.client_setinfo("LIB-NAME", "tests")


def dbsize(redis):
    assert redis.dbsize() == 0
    redis.mset({"a": 1, "b": 2})
    assert redis.dbsize() == 2


def echo(redis):
    assert redis.echo("héllo") == "héllo"


def execute(redis):
    assert redis.execute(["SET", "key", "value", "EX", 100]) is True
    assert redis.execute(["getrange", "key", 1, 2]) == "al"


def flushall(redis):
    for flush_type in (None, "ASYNC", "SYNC"):
        redis.set("a", 1)
        assert redis.flushall(flush_type) is True
        assert redis.dbsize() == 0


def flushdb(redis):
    for flush_type in (None, "ASYNC", "SYNC"):
        redis.set("a", 1)
        assert redis.flushdb(flush_type) is True
        assert redis.dbsize() == 0


def ping(redis):
    assert [redis.ping(), redis.ping("hello")] == ["PONG", "hello"]


def publish(redis):
    assert redis.publish("nobody", "listens") == 0


def time(redis):
    seconds, microseconds = redis.time()
    assert abs(seconds - clock.time()) < 3600
    assert 0 <= microseconds <= 999_999
