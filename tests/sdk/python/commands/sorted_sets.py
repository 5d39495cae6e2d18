"""Sorted sets."""


def _two(redis):
    redis.zadd("x", {"a": 1, "b": 2})
    redis.zadd("y", {"b": 1, "c": 2})


def _all(redis, key):
    return redis.zrange(key, 0, -1, withscores=True)


def zadd(redis):
    assert redis.zadd("zset", {"a": 1, "b": 2.5}) == 2
    assert redis.zadd("zset", {"a": 3, "b": 2.5, "c": 4}, ch=True) == 2
    assert redis.zadd("zset", {"a": 9, "d": 5}, nx=True) == 1
    assert redis.zadd("zset", {"missing": 1}, xx=True, ch=True) == 0
    assert redis.zadd("zset", {"a": 1}, gt=True, ch=True) == 0
    assert redis.zadd("zset", {"a": 1}, lt=True, ch=True) == 1
    assert redis.zadd("zset", {"a": 1.5}, incr=True) == 2.5
    assert redis.zadd("zset", {"a": 1}, nx=True, incr=True) is None
    assert _all(redis, "zset") == [("a", 2.5), ("b", 2.5), ("c", 4), ("d", 5)]


def zcard(redis):
    redis.zadd("zset", {"a": 1, "b": 2})
    assert redis.zcard("zset") == 2


def zcount(redis):
    redis.zadd("zset", {"a": 1, "b": 2, "c": 3})
    assert redis.zcount("zset", "-inf", "+inf") == 3
    assert redis.zcount("zset", "(1", 2) == 1


def zdiff(redis):
    _two(redis)
    assert redis.zdiff(["x", "y"]) == ["a"]
    assert redis.zdiff(["x", "y"], withscores=True) == [("a", 1)]


def zdiffstore(redis):
    _two(redis)
    assert redis.zdiffstore("result", ["x", "y"]) == 1
    assert _all(redis, "result") == [("a", 1)]


def zincrby(redis):
    assert redis.zincrby("zset", 1.5, "a") == 1.5
    assert redis.zincrby("zset", -2, "a") == -0.5


def zinter(redis):
    _two(redis)
    assert redis.zinter(["x", "y"]) == ["b"]
    scored = redis.zinter(["x", "y"], weights=[2, 3], aggregate="MAX", withscores=True)
    assert scored == [("b", 4)]


def zinterstore(redis):
    _two(redis)
    assert redis.zinterstore("result", ["x", "y"], weights=[2, 3], aggregate="MIN") == 1
    assert _all(redis, "result") == [("b", 3)]


def zlexcount(redis):
    redis.zadd("zset", dict.fromkeys("abc", 0))
    assert redis.zlexcount("zset", "-", "+") == 3
    assert redis.zlexcount("zset", "[b", "(c") == 1


def zmscore(redis):
    redis.zadd("zset", {"a": 1, "b": 2.5})
    assert redis.zmscore("zset", ["a", "missing", "b"]) == [1, None, 2.5]


def zpopmax(redis):
    redis.zadd("zset", {"a": 1, "b": 2, "c": 3})
    assert redis.zpopmax("zset") == [("c", 3)]
    assert redis.zpopmax("zset", 5) == [("b", 2), ("a", 1)]
    assert redis.zpopmax("zset") == []


def zpopmin(redis):
    redis.zadd("zset", {"a": 1, "b": 2, "c": 3})
    assert redis.zpopmin("zset") == [("a", 1)]
    assert redis.zpopmin("zset", 5) == [("b", 2), ("c", 3)]


def zrandmember(redis):
    redis.zadd("zset", {"a": 1, "b": 2})
    assert redis.zrandmember("zset") in ("a", "b")
    assert sorted(redis.zrandmember("zset", 5)) == ["a", "b"]
    assert sorted(redis.zrandmember("zset", 5, withscores=True)) == [("a", 1), ("b", 2)]


def zrank(redis):
    redis.zadd("zset", {"a": 1, "b": 2})
    assert redis.zrank("zset", "b") == 1
    assert redis.zrank("zset", "missing") is None


def zrem(redis):
    redis.zadd("zset", {"a": 1, "b": 2, "c": 3})
    assert redis.zrem("zset", "a", "b", "missing") == 2
    assert redis.zrange("zset", 0, -1) == ["c"]


def zrevrank(redis):
    redis.zadd("zset", {"a": 1, "b": 2})
    assert redis.zrevrank("zset", "a") == 1
    assert redis.zrevrank("zset", "missing") is None


def zscan(redis):
    redis.zadd("zset", {"a": 1, "ab": 2.5})
    assert redis.zscan("zset", 0) == (0, [("a", 1), ("ab", 2.5)])
    assert redis.zscan("zset", 0, match="?b", count=100) == (0, [("ab", 2.5)])


def zscore(redis):
    redis.zadd("zset", {"a": 2.5})
    assert redis.zscore("zset", "a") == 2.5
    assert redis.zscore("zset", "missing") is None


def zunion(redis):
    _two(redis)
    assert redis.zunion(["x", "y"]) == ["a", "c", "b"]
    scored = redis.zunion(["x", "y"], weights=[10, 1], aggregate="MIN", withscores=True)
    assert scored == [("b", 1), ("c", 2), ("a", 10)]


def zunionstore(redis):
    _two(redis)
    assert redis.zunionstore("result", ["x", "y"], weights=[10, 1]) == 3
    assert _all(redis, "result") == [("c", 2), ("a", 10), ("b", 21)]
