"""The expiry of the fields of hashes."""

import time
from datetime import datetime, timedelta

from .checks import past, soon


def hexpire(redis):
    redis.hset("hash", values={"a": 1, "b": 2})
    assert redis.hexpire("hash", ["a", "missing"], 100) == [1, -2]
    assert redis.hexpire("hash", "a", 200, nx=True) == [0]
    assert redis.hexpire("hash", "b", 200, xx=True) == [0]
    assert redis.hexpire("hash", "a", 50, gt=True) == [0]
    assert redis.hexpire("hash", "a", timedelta(seconds=50), lt=True) == [1]
    assert 1 <= redis.httl("hash", "a")[0] <= 50
    assert redis.hexpire("hash", "a", 0) == [2]
    assert redis.hgetall("hash") == {"b": "2"}


def hexpireat(redis):
    redis.hset("hash", values={"a": 1, "b": 2})
    assert redis.hexpireat("hash", ["a", "missing"], soon()) == [1, -2]
    assert redis.hexpireat("hash", "b", datetime.fromtimestamp(soon())) == [1]
    assert all(1 <= left <= 1000 for left in redis.httl("hash", ["a", "b"]))
    assert redis.hexpireat("hash", "a", past()) == [2]
    # Milliseconds where seconds are meant.
    assert redis.hexpireat("missing", "a", int(time.time() * 1000)) == [-2]


def hexpiretime(redis):
    at = soon()
    redis.hset("hash", values={"a": 1, "b": 2})
    redis.hexpireat("hash", "a", at)
    assert redis.hexpiretime("hash", ["a", "b", "missing"]) == [at, -1, -2]


def hpersist(redis):
    redis.hset("hash", values={"a": 1, "b": 2})
    redis.hexpire("hash", "a", 100)
    assert redis.hpersist("hash", ["a", "b", "missing"]) == [1, -1, -2]
    assert redis.httl("hash", "a") == [-1]


def hpexpire(redis):
    redis.hset("hash", values={"a": 1})
    assert redis.hpexpire("hash", ["a", "missing"], 100_000) == [1, -2]
    assert redis.hpexpire("hash", "a", 200_000, nx=True) == [0]
    assert 1 <= redis.hpttl("hash", "a")[0] <= 100_000


def hpexpireat(redis):
    at = soon() * 1000 + 7
    redis.hset("hash", values={"a": 1})
    assert redis.hpexpireat("hash", ["a", "missing"], at) == [1, -2]
    assert redis.hpexpireat("hash", "a", at - 1, gt=True) == [0]
    assert redis.hpexpiretime("hash", "a") == [at]


def hpexpiretime(redis):
    at = soon() * 1000 + 7
    redis.hset("hash", values={"a": 1, "b": 2})
    redis.hpexpireat("hash", "a", at)
    assert redis.hpexpiretime("hash", ["a", "b", "missing"]) == [at, -1, -2]


def hpttl(redis):
    redis.hset("hash", values={"a": 1, "b": 2})
    redis.hpexpire("hash", "a", 100_000)
    a, *others = redis.hpttl("hash", ["a", "b", "missing"])
    assert 1 <= a <= 100_000
    assert others == [-1, -2]


def httl(redis):
    redis.hset("hash", values={"a": 1, "b": 2})
    redis.hexpire("hash", "a", 100)
    a, *others = redis.httl("hash", ["a", "b", "missing"])
    assert 1 <= a <= 100
    assert others == [-1, -2]
    assert redis.httl("missing", "a") == [-2]
