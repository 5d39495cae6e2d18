"""The bits of strings."""


def bitcount(redis):
    redis.set("key", "foobar")
    assert redis.bitcount("key") == 26
    assert redis.bitcount("key", 0, 0) == 4
    assert redis.bitcount("missing") == 0


def bitfield(redis):
    written = (
        redis.bitfield("key")
        .set("u8", 0, 250)
        .get("u4", 4)
        .incrby("u8", 0, 3)
        .overflow("SAT")
        .incrby("u8", 0, 100)
        .overflow("FAIL")
        .incrby("u8", "#0", 1)
        .execute()
    )
    assert written == [0, 10, 253, 255, None]


def bitfield_ro(redis):
    redis.set("key", "a")
    assert redis.bitfield_ro("key").get("u8", 0).get("u4", "#1").execute() == [97, 1]


def bitop(redis):
    # 0110 1011, 0110 0001, 0110 0100
    redis.mset({"x": "k", "y": "a", "z": "d"})
    for operation, expected in {
        "AND": "`",
        "OR": "o",
        "XOR": "n",
        "DIFF": "\x0a",
        "DIFF1": "\x04",
        "ANDOR": "a",
        "ONE": "\x0e",
    }.items():
        assert redis.bitop(operation, "result", "x", "y", "z") == 1
        assert redis.get("result") == expected, operation
    assert redis.bitop("NOT", "result", "x") == 1
    assert redis.bitcount("result") == 3


def bitpos(redis):
    redis.setbit("key", 11, 1)
    assert redis.bitpos("key", 1) == 11
    assert redis.bitpos("key", 0, 1) == 8
    assert redis.bitpos("key", 1, 0, 0) == -1


def getbit(redis):
    redis.setbit("key", 7, 1)
    assert [redis.getbit("key", 7), redis.getbit("key", 6)] == [1, 0]


def setbit(redis):
    assert [redis.setbit("key", 7, 1), redis.setbit("key", 7, 0)] == [0, 1]
    assert redis.strlen("key") == 1
