"""Ranges of sorted sets."""


def _scored(redis):
    redis.zadd("zset", {"a": 1, "b": 2, "c": 3, "d": 4})


def _unscored(redis):
    redis.zadd("lex", dict.fromkeys("abcd", 0))


def zrange(redis):
    _scored(redis)
    assert redis.zrange("zset", 1, 2) == ["b", "c"]
    assert redis.zrange("zset", 0, 1, rev=True, withscores=True) == [("d", 4), ("c", 3)]
    assert redis.zrange("zset", "(1", 3, sortby="BYSCORE") == ["b", "c"]
    limited = {"sortby": "BYSCORE", "rev": True, "offset": 1, "count": 2}
    assert redis.zrange("zset", "+inf", "-inf", **limited) == ["c", "b"]
    _unscored(redis)
    assert redis.zrange("lex", "[a", "(c", sortby="BYLEX") == ["a", "b"]


def zrangebylex(redis):
    _unscored(redis)
    assert redis.zrangebylex("lex", "[a", "(c") == ["a", "b"]
    assert redis.zrangebylex("lex", "-", "+", offset=1, count=2) == ["b", "c"]


def zrangebyscore(redis):
    _scored(redis)
    assert redis.zrangebyscore("zset", "(1", 3) == ["b", "c"]
    limited = {"offset": 1, "count": 1, "withscores": True}
    assert redis.zrangebyscore("zset", "-inf", "+inf", **limited) == [("b", 2)]


def zrangestore(redis):
    _scored(redis)
    assert redis.zrangestore("result", "zset", 0, 1, rev=True) == 2
    assert redis.zrange("result", 0, -1, withscores=True) == [("c", 3), ("d", 4)]
    limited = {"sortby": "BYSCORE", "offset": 1, "count": 2}
    assert redis.zrangestore("result", "zset", "-inf", "+inf", **limited) == 2
    assert redis.zrange("result", 0, -1) == ["b", "c"]
    assert redis.execute(["ZRANGESTORE", "result", "zset", 0, -1, "LIMIT", 2, 1]) == 1
    assert redis.zrange("result", 0, -1) == ["c"]


def zremrangebylex(redis):
    _unscored(redis)
    assert redis.zremrangebylex("lex", "[a", "(c") == 2
    assert redis.zrange("lex", 0, -1) == ["c", "d"]


def zremrangebyrank(redis):
    _scored(redis)
    assert redis.zremrangebyrank("zset", 0, 1) == 2
    assert redis.zrange("zset", 0, -1) == ["c", "d"]


def zremrangebyscore(redis):
    _scored(redis)
    assert redis.zremrangebyscore("zset", "-inf", "(3") == 2
    assert redis.zrange("zset", 0, -1) == ["c", "d"]


def zrevrange(redis):
    _scored(redis)
    assert redis.zrevrange("zset", 0, 1) == ["d", "c"]
    assert redis.zrevrange("zset", 0, 0, withscores=True) == [("d", 4)]


def zrevrangebylex(redis):
    _unscored(redis)
    assert redis.zrevrangebylex("lex", "(c", "[a") == ["b", "a"]
    assert redis.zrevrangebylex("lex", "+", "-", offset=1, count=2) == ["c", "b"]


def zrevrangebyscore(redis):
    _scored(redis)
    assert redis.zrevrangebyscore("zset", 3, "(1") == ["c", "b"]
    limited = {"offset": 1, "count": 1, "withscores": True}
    assert redis.zrevrangebyscore("zset", "+inf", "-inf", **limited) == [("c", 3)]
