"""Strings."""

import json

from .checks import fails, past, soon


def append(redis):
    assert redis.append("key", "ab") == 2
    assert redis.append("key", "c") == 3
    assert redis.get("key") == "abc"


def decr(redis):
    assert [redis.decr("n"), redis.decr("n")] == [-1, -2]


def decrby(redis):
    assert redis.decrby("n", 40) == -40
    assert redis.decrby("n", -42) == 2


def get(redis):
    redis.set("object", {"a": [1, None, "x"]})
    assert json.loads(redis.get("object")) == {"a": [1, None, "x"]}
    redis.set("number", 1.0)
    assert redis.get("number") == "1.0"
    assert redis.get("missing") is None
    redis.lpush("list", "x")
    with fails("^WRONGTYPE Operation against a key"):
        redis.get("list")


def getdel(redis):
    redis.set("key", "value")
    assert [redis.getdel("key"), redis.getdel("key")] == ["value", None]


def getex(redis):
    redis.set("key", "value")
    at = soon()
    for expiry in ({"ex": 100}, {"px": 100_000}, {"exat": at}, {"pxat": at * 1000}):
        assert redis.getex("key", **expiry) == "value"
        assert 1 <= redis.ttl("key") <= 1001
        assert redis.getex("key", persist=True) == "value"
        assert redis.ttl("key") == -1
    assert redis.getex("key", exat=past()) == "value"
    assert redis.getex("key") is None


def getrange(redis):
    redis.set("key", "Hello World")
    assert redis.getrange("key", 0, 4) == "Hello"
    assert redis.getrange("key", -5, -1) == "World"
    assert redis.getrange("missing", 0, -1) == ""


def getset(redis):
    assert redis.getset("key", "first") is None
    assert redis.getset("key", "second") == "first"


def incr(redis):
    assert [redis.incr("n"), redis.incr("n")] == [1, 2]
    redis.set("text", "abc")
    with fails("^ERR value is not an int"):
        redis.incr("text")


def incrby(redis):
    assert redis.incrby("n", 40) == 40
    assert redis.incrby("n", -42) == -2


def incrbyfloat(redis):
    assert redis.incrbyfloat("n", 1.5) == 1.5
    assert redis.incrbyfloat("n", 1) == 2.5


def mget(redis):
    redis.mset({"a": "OK", "b": 2})
    assert redis.mget("a", "b", "c") == ["OK", "2", None]


def mset(redis):
    assert redis.mset({"a": 1, "b": "two", "c": [3]}) is True
    assert redis.mget("a", "b", "c") == ["1", "two", "[3]"]


def msetnx(redis):
    assert redis.msetnx({"a": 1, "b": 2}) is True
    assert redis.msetnx({"b": 3, "c": 4}) is False
    assert redis.mget("a", "b", "c") == ["1", "2", None]


def psetex(redis):
    assert redis.psetex("key", 100_000, "value") is True
    assert redis.get("key") == "value"
    assert 1 <= redis.pttl("key") <= 100_000


def set_(redis):
    assert redis.set("key", "value") is True
    assert redis.set("key", "other", nx=True) is False
    assert redis.set("missing", "other", xx=True) is False
    assert redis.set("key", "second", xx=True, get=True) == "value"
    assert redis.set("new", "first", get=True) is None
    assert redis.mget("key", "missing", "new") == ["second", None, "first"]
    at = soon()
    for expiry in ({"ex": 100}, {"px": 100_000}, {"exat": at}, {"pxat": at * 1000}):
        assert redis.set("key", "value", **expiry) is True
        assert 1 <= redis.ttl("key") <= 1001
        assert redis.set("key", "kept", keepttl=True) is True
        assert 1 <= redis.ttl("key") <= 1001
        redis.set("key", "lasting")
        assert redis.ttl("key") == -1


def setex(redis):
    assert redis.setex("key", 100, "value") is True
    assert redis.get("key") == "value"
    assert 1 <= redis.ttl("key") <= 100


def setnx(redis):
    assert [redis.setnx("key", "first"), redis.setnx("key", "second")] == [True, False]
    assert redis.get("key") == "first"


def setrange(redis):
    redis.set("key", "Hello World")
    assert redis.setrange("key", 6, "Redis") == 11
    assert redis.get("key") == "Hello Redis"
    assert redis.setrange("padded", 2, "x") == 3
    assert redis.get("padded") == "\0\0x"


def strlen(redis):
    redis.set("key", "héllo")
    assert redis.strlen("key") == 6
    assert redis.strlen("missing") == 0


def substr(redis):
    redis.set("key", "Hello World")
    assert redis.substr("key", 6, -1) == "World"
