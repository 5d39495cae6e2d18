"""Streams and their consumer groups."""

from .checks import fails


def _filled(redis, entries):
    """Adds entries 1-0, 2-0, … and a group that has not read any."""
    redis.xgroup_create("stream", "group", "0", mkstream=True)
    for n in range(1, entries + 1):
        redis.xadd("stream", f"{n}-0", {"n": n})


def _entry(n):
    return [f"{n}-0", ["n", str(n)]]


def _deliver(redis, consumer, **options):
    return redis.xreadgroup("group", consumer, {"stream": ">"}, **options)


def _pending(redis):
    return [(id, consumer) for id, consumer, *_ in redis.xpending("stream", "group", "-", "+", 100)]


def _left(redis):
    return [id for id, _ in redis.xrange("stream")]


def _named(pairs):
    return dict(zip(pairs[::2], pairs[1::2]))


def xack(redis):
    _filled(redis, 3)
    _deliver(redis, "consumer")
    assert redis.xack("stream", "group", "1-0", "2-0", "9-0") == 2
    assert _pending(redis) == [("3-0", "consumer")]


def xackdel(redis):
    _filled(redis, 4)
    _deliver(redis, "consumer")
    assert redis.xackdel("stream", "group", "1-0", "9-0") == [1, -1]
    assert redis.xackdel("stream", "group", "2-0", option="DELREF") == [1]
    assert _left(redis) == ["3-0", "4-0"]
    # Another group has not read it yet: acknowledged here, but not deleted.
    redis.xgroup_create("stream", "other", "0")
    assert redis.xackdel("stream", "group", "3-0", option="ACKED") == [2]
    assert _pending(redis) == [("4-0", "consumer")]
    assert _left(redis) == ["3-0", "4-0"]


def xadd(redis):
    assert redis.xadd("stream", "1-0", {"text": "👋", "n": 1}) == "1-0"
    assert redis.xadd("missing", "*", {"a": 1}, nomkstream=True) is None
    redis.xadd("stream", "2-0", {"n": 2}, maxlen=1, approximate_trim=False)
    assert redis.xrange("stream") == [_entry(2)]
    redis.xadd("stream", "4-0", {"n": 4}, minid="3", approximate_trim=False)
    assert redis.xrange("stream") == [_entry(4)]


def xautoclaim(redis):
    _filled(redis, 4)
    _deliver(redis, "first")
    redis.xdel("stream", "2-0")
    claim = ("stream", "group", "second", 0)
    assert redis.xautoclaim(*claim, "0-0", count=1) == ["2-0", [_entry(1)], []]
    assert redis.xautoclaim(*claim, "2-0") == ["0-0", [_entry(3), _entry(4)], ["2-0"]]
    assert redis.xautoclaim(*claim, "0-0", justid=True) == ["0-0", ["1-0", "3-0", "4-0"], []]
    assert _pending(redis) == [("1-0", "second"), ("3-0", "second"), ("4-0", "second")]


def xclaim(redis):
    _filled(redis, 3)
    _deliver(redis, "first")
    assert redis.xclaim("stream", "group", "second", 0, "1-0") == [_entry(1)]
    assert redis.xclaim("stream", "group", "second", 0, "2-0", "9-0", justid=True) == ["2-0"]
    assert redis.xclaim("stream", "group", "second", 3_600_000, "3-0") == []
    assert _pending(redis) == [("1-0", "second"), ("2-0", "second"), ("3-0", "first")]


def xdel(redis):
    _filled(redis, 3)
    assert redis.xdel("stream", "1-0", "2-0", "9-0") == 2
    assert _left(redis) == ["3-0"]


def xdelex(redis):
    _filled(redis, 3)
    _deliver(redis, "consumer")
    assert redis.xdelex("stream", "1-0", "9-0") == [1, -1]
    assert redis.xdelex("stream", "2-0", option="DELREF") == [1]
    assert redis.xdelex("stream", "3-0", option="ACKED") == [2]
    assert _pending(redis) == [("1-0", "consumer"), ("3-0", "consumer")]
    assert _left(redis) == ["3-0"]


def xgroup_create(redis):
    assert redis.xgroup_create("stream", "group", mkstream=True) == "OK"
    with fails("^BUSYGROUP "):
        redis.xgroup_create("stream", "group")


def xgroup_createconsumer(redis):
    _filled(redis, 0)
    assert redis.xgroup_createconsumer("stream", "group", "consumer") == 1
    assert redis.xgroup_createconsumer("stream", "group", "consumer") == 0


def xgroup_delconsumer(redis):
    _filled(redis, 2)
    _deliver(redis, "consumer")
    assert redis.xgroup_delconsumer("stream", "group", "consumer") == 2
    assert redis.xinfo_consumers("stream", "group") == []


def xgroup_destroy(redis):
    _filled(redis, 0)
    assert redis.xgroup_destroy("stream", "group") == 1
    assert redis.xgroup_destroy("stream", "group") == 0


def xgroup_setid(redis):
    _filled(redis, 2)
    _deliver(redis, "consumer")
    assert redis.xgroup_setid("stream", "group", "1-0", entries_read=1) == "OK"
    assert _deliver(redis, "consumer") == [["stream", [_entry(2)]]]


def xinfo_consumers(redis):
    _filled(redis, 2)
    _deliver(redis, "consumer")
    (consumer,) = map(_named, redis.xinfo_consumers("stream", "group"))
    assert (consumer["name"], consumer["pending"]) == ("consumer", 2)


def xinfo_groups(redis):
    _filled(redis, 2)
    _deliver(redis, "consumer", count=1)
    (group,) = map(_named, redis.xinfo_groups("stream"))
    assert group == {
        "name": "group",
        "consumers": 1,
        "pending": 1,
        "last-delivered-id": "1-0",
        "entries-read": 1,
        "lag": 1,
    }


def xlen(redis):
    _filled(redis, 2)
    assert redis.xlen("stream") == 2
    assert redis.xlen("missing") == 0


def xpending(redis):
    _filled(redis, 3)
    _deliver(redis, "first", count=1)
    _deliver(redis, "second")
    summary = [3, "1-0", "3-0", [["first", "1"], ["second", "2"]]]
    assert redis.xpending("stream", "group") == summary
    (entry,) = redis.xpending("stream", "group", "-", "+", 10, consumer="first")
    id, consumer, idle, deliveries = entry
    assert (id, consumer, deliveries) == ("1-0", "first", 1)
    assert 0 <= idle < 600_000
    assert redis.xpending("stream", "group", "-", "+", 10, idle=3_600_000) == []


def xrange(redis):
    _filled(redis, 3)
    assert redis.xrange("stream") == [_entry(1), _entry(2), _entry(3)]
    assert redis.xrange("stream", "(1-0", "+", count=1) == [_entry(2)]
    assert redis.xrange("missing") == []


def xread(redis):
    _filled(redis, 2)
    redis.xadd("other", "5-0", {"n": 5})
    assert redis.xread({"stream": "1-0"}) == [["stream", [_entry(2)]]]
    both = redis.xread({"stream": "0", "other": "0"}, count=1)
    assert both == [["stream", [_entry(1)]], ["other", [["5-0", ["n", "5"]]]]]
    assert redis.xread({"stream": "2-0"}) == []


def xreadgroup(redis):
    _filled(redis, 3)
    assert _deliver(redis, "consumer", count=1) == [["stream", [_entry(1)]]]
    # Nothing stays pending, and the consumer is not remembered.
    assert _deliver(redis, "fleeting", noack=True) == [["stream", [_entry(2), _entry(3)]]]
    assert _deliver(redis, "consumer") == []
    assert _pending(redis) == [("1-0", "consumer")]
    consumers = map(_named, redis.xinfo_consumers("stream", "group"))
    assert [consumer["name"] for consumer in consumers] == ["consumer"]


def xrevrange(redis):
    _filled(redis, 3)
    assert redis.xrevrange("stream") == [_entry(3), _entry(2), _entry(1)]
    assert redis.xrevrange("stream", "+", "-", count=1) == [_entry(3)]


def xtrim(redis):
    pipeline = redis.pipeline()
    for n in range(1, 1001):
        pipeline.xadd("stream", f"{n}-0", {"n": n})
    pipeline.exec()
    assert 969 <= redis.xtrim("stream", maxlen=30) <= 971
    assert 29 <= redis.xlen("stream") <= 31
    redis.xtrim("stream", maxlen=10, approximate=False)
    assert redis.xlen("stream") == 10
    assert redis.xtrim("stream", minid="999-0", approximate=False) == 8
    assert _left(redis) == ["999-0", "1000-0"]
