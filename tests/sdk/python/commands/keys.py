"""Keys, whatever they hold."""

from datetime import datetime, timedelta

from .checks import fails, past, soon


def copy(redis):
    redis.mset({"a": 1, "b": 2})
    assert redis.copy("a", "c") is True
    assert redis.copy("a", "b") is False
    assert redis.copy("a", "b", replace=True) is True
    assert redis.copy("a", "a") is False
    assert redis.mget("a", "b", "c") == ["1", "1", "1"]


def delete(redis):
    redis.mset({"a": 1, "b": 2, "c": 3})
    assert redis.delete("a", "b", "missing") == 2
    assert redis.keys("*") == ["c"]


def exists(redis):
    redis.mset({"a": 1, "b": 2})
    assert redis.exists("a", "b", "a", "missing") == 3


def expire(redis):
    redis.set("key", 1)
    assert redis.expire("key", 100) is True
    assert redis.expire("key", 200, nx=True) is False
    assert redis.expire("key", 50, gt=True) is False
    assert redis.expire("key", timedelta(seconds=50), lt=True) is True
    assert 1 <= redis.ttl("key") <= 50
    assert redis.expire("missing", 100) is False


def expireat(redis):
    redis.set("key", 1)
    assert redis.expireat("key", soon()) is True
    assert redis.expireat("key", datetime.fromtimestamp(soon()), nx=True) is False
    assert 1 <= redis.ttl("key") <= 1000
    assert redis.expireat("key", past()) is True
    assert redis.exists("key") == 0


def keys(redis):
    redis.mset({"user:1": 1, "user:2": 2, "other": 3})
    assert sorted(redis.keys("user:*")) == ["user:1", "user:2"]


def persist(redis):
    redis.set("key", 1, ex=100)
    assert [redis.persist("key"), redis.persist("key")] == [True, False]
    assert redis.ttl("key") == -1


def pexpire(redis):
    redis.set("key", 1)
    assert redis.pexpire("key", 100_000) is True
    assert redis.pexpire("key", timedelta(seconds=200), nx=True) is False
    assert 1 <= redis.pttl("key") <= 100_000


def pexpireat(redis):
    redis.set("key", 1)
    assert redis.pexpireat("key", soon() * 1000) is True
    assert redis.pexpireat("key", soon() * 1000, nx=True) is False
    assert 1 <= redis.pttl("key") <= 1_000_000


def pttl(redis):
    redis.set("key", 1, px=100_000)
    redis.set("lasting", 1)
    assert 1 <= redis.pttl("key") <= 100_000
    assert [redis.pttl("lasting"), redis.pttl("missing")] == [-1, -2]


def randomkey(redis):
    assert redis.randomkey() is None
    redis.mset({"a": 1, "b": 2})
    assert redis.randomkey() in ("a", "b")


def rename(redis):
    redis.mset({"a": 1, "b": 2})
    assert redis.rename("a", "b") is True
    assert redis.mget("a", "b") == [None, "1"]
    with fails("^ERR no such key"):
        redis.rename("missing", "b")


def renamenx(redis):
    redis.mset({"a": 1, "b": 2})
    assert [redis.renamenx("a", "b"), redis.renamenx("a", "c")] == [False, True]
    assert redis.mget("a", "b", "c") == [None, "2", "1"]


def scan(redis):
    # A small database comes back at once.
    redis.mset({f"user:{i}": 1 for i in range(30)})
    redis.rpush("list", "a")
    redis.json.set("document", "$", {"a": 1})
    cursor, found = redis.scan(0)
    assert cursor == 0
    assert len(found) == 32
    cursor, found = redis.scan(0, match="user:1*", count=1000)
    assert cursor == 0
    assert len(found) == 11
    assert redis.scan(0, type="list") == (0, ["list"])
    assert redis.scan(0, type="json") == (0, ["document"])


def touch(redis):
    redis.mset({"a": 1, "b": 2})
    assert redis.touch("a", "b", "missing") == 2


def ttl(redis):
    redis.set("key", 1, ex=100)
    redis.set("lasting", 1)
    assert 1 <= redis.ttl("key") <= 100
    assert [redis.ttl("lasting"), redis.ttl("missing")] == [-1, -2]


def type_(redis):
    redis.set("string", 1)
    redis.lpush("list", 1)
    redis.sadd("set", 1)
    redis.zadd("zset", {"a": 1})
    redis.hset("hash", "a", 1)
    redis.xadd("stream", "*", {"a": 1})
    redis.json.set("json", "$", {"a": 1})
    for name in ("string", "list", "set", "zset", "hash", "stream", "json"):
        assert redis.type(name) == name
    assert redis.type("missing") == "none"


def unlink(redis):
    redis.mset({"a": 1, "b": 2, "c": 3})
    assert redis.unlink("a", "b", "missing") == 2
    assert redis.keys("*") == ["c"]
