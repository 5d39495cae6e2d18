"""Sets."""


def _two(redis):
    redis.sadd("x", 1, 2, 3)
    redis.sadd("y", 2, 3, 4)


def sadd(redis):
    assert redis.sadd("set", "a", "b", "a") == 2
    assert redis.sadd("set", "b", "c") == 1
    assert sorted(redis.smembers("set")) == ["a", "b", "c"]


def scard(redis):
    redis.sadd("set", 1, 2, 3)
    assert redis.scard("set") == 3


def sdiff(redis):
    _two(redis)
    assert redis.sdiff("x", "y") == ["1"]
    assert redis.sdiff("missing", "y") == []


def sdiffstore(redis):
    _two(redis)
    assert redis.sdiffstore("result", "x", "y") == 1
    assert redis.smembers("result") == ["1"]


def sinter(redis):
    _two(redis)
    assert sorted(redis.sinter("x", "y")) == ["2", "3"]


def sinterstore(redis):
    _two(redis)
    assert redis.sinterstore("result", "x", "y") == 2
    assert sorted(redis.smembers("result")) == ["2", "3"]


def sismember(redis):
    redis.sadd("set", "a")
    assert redis.sismember("set", "a") is True
    assert redis.sismember("set", "b") is False


def smembers(redis):
    redis.sadd("set", "a", 1)
    assert sorted(redis.smembers("set")) == ["1", "a"]
    assert redis.smembers("missing") == []


def smismember(redis):
    redis.sadd("set", "a", "b")
    assert redis.smismember("set", "a", "x", "b") == [True, False, True]


def smove(redis):
    redis.sadd("x", 1, 2)
    assert [redis.smove("x", "y", 1), redis.smove("x", "y", 1)] == [True, False]
    assert redis.smembers("y") == ["1"]


def spop(redis):
    redis.sadd("set", "a", "b", "c")
    assert sorted([redis.spop("set"), *redis.spop("set", 5)]) == ["a", "b", "c"]
    assert redis.spop("set") is None


def srandmember(redis):
    redis.sadd("set", "a", "b")
    assert redis.srandmember("set") in ("a", "b")
    assert sorted(redis.srandmember("set", 5)) == ["a", "b"]
    assert redis.scard("set") == 2


def srem(redis):
    redis.sadd("set", "a", "b", "c")
    assert redis.srem("set", "a", "b", "missing") == 2
    assert redis.smembers("set") == ["c"]


def sscan(redis):
    redis.sadd("set", "a", "ab", 3)
    cursor, members = redis.sscan("set")
    assert (cursor, sorted(members)) == (0, ["3", "a", "ab"])
    assert redis.sscan("set", 0, match="?b", count=100) == (0, ["ab"])


def sunion(redis):
    _two(redis)
    assert sorted(redis.sunion("x", "y")) == ["1", "2", "3", "4"]


def sunionstore(redis):
    _two(redis)
    assert redis.sunionstore("result", "x", "y") == 4
    assert sorted(redis.smembers("result")) == ["1", "2", "3", "4"]
