"""Lists."""

from .checks import fails


def lindex(redis):
    redis.rpush("list", "a", "b")
    assert [redis.lindex("list", 0), redis.lindex("list", -1)] == ["a", "b"]
    assert redis.lindex("list", 2) is None


def linsert(redis):
    redis.rpush("list", "a", "c")
    assert redis.linsert("list", "BEFORE", "c", "b") == 3
    assert redis.linsert("list", "AFTER", "c", "d") == 4
    assert redis.linsert("list", "BEFORE", "missing", "x") == -1
    assert redis.lrange("list", 0, -1) == ["a", "b", "c", "d"]


def llen(redis):
    redis.rpush("list", 1, 2, 3)
    assert redis.llen("list") == 3


def lmove(redis):
    redis.rpush("list", "a", "b", "c")
    assert redis.lmove("list", "other") == "a"
    assert redis.lmove("list", "other", "RIGHT", "LEFT") == "c"
    assert redis.lrange("other", 0, -1) == ["c", "a"]
    assert redis.lmove("missing", "other") is None


def lpop(redis):
    redis.rpush("list", "a", 2, "c")
    assert redis.lpop("list") == "a"
    assert redis.lpop("list", 5) == ["2", "c"]
    assert redis.lpop("list") is None


def lpos(redis):
    redis.rpush("list", "a", "b", "a", "a")
    assert redis.lpos("list", "a") == 0
    assert redis.lpos("list", "a", rank=-1) == 3
    assert redis.lpos("list", "a", rank=2, count=0) == [2, 3]
    assert redis.lpos("list", "a", count=0, maxlen=3) == [0, 2]
    assert redis.lpos("list", "missing") is None


def lpush(redis):
    assert redis.lpush("list", "a", "b") == 2
    assert redis.lrange("list", 0, -1) == ["b", "a"]


def lpushx(redis):
    assert redis.lpushx("list", "a") == 0
    redis.lpush("list", "a")
    assert redis.lpushx("list", "b", "c") == 3
    assert redis.lrange("list", 0, -1) == ["c", "b", "a"]


def lrange(redis):
    redis.rpush("list", "a", 1, True)
    assert redis.lrange("list", 0, -1) == ["a", "1", "true"]
    assert redis.lrange("list", 1, 1) == ["1"]
    assert redis.lrange("missing", 0, -1) == []


def lrem(redis):
    redis.rpush("list", "a", "b", "a", "a")
    assert redis.lrem("list", -2, "a") == 2
    assert redis.lrange("list", 0, -1) == ["a", "b"]


def lset(redis):
    redis.rpush("list", "a", "b")
    assert redis.lset("list", -1, "c") is True
    assert redis.lrange("list", 0, -1) == ["a", "c"]
    with fails("^ERR index out of range"):
        redis.lset("list", 5, "x")


def ltrim(redis):
    redis.rpush("list", "a", "b", "c", "d")
    assert redis.ltrim("list", 1, 2) == "OK"
    assert redis.lrange("list", 0, -1) == ["b", "c"]


def rpop(redis):
    redis.rpush("list", "a", "b", "c")
    assert redis.rpop("list") == "c"
    assert redis.rpop("list", 5) == ["b", "a"]
    assert redis.rpop("list") is None


def rpoplpush(redis):
    redis.rpush("list", "a", "b")
    assert redis.rpoplpush("list", "other") == "b"
    assert redis.lrange("other", 0, -1) == ["b"]


def rpush(redis):
    assert redis.rpush("list", "a", "b") == 2
    assert redis.lrange("list", 0, -1) == ["a", "b"]


def rpushx(redis):
    assert redis.rpushx("list", "a") == 0
    redis.rpush("list", "a")
    assert redis.rpushx("list", "b", "c") == 3
    assert redis.lrange("list", 0, -1) == ["a", "b", "c"]
