"""Single values in JSON documents: numbers, texts, booleans, objects' members."""

from .checks import fails


def _nested(value, deeper):
    """The same member twice; the deeper one is answered first."""
    return {"v": value, "in": {"v": deeper}}


def numincrby(redis):
    redis.json.set("key", "$", {**_nested(1, 2), "text": "x"})
    assert redis.json.numincrby("key", "$.v", 9) == [10]
    assert redis.json.numincrby("key", ".v", 1) == 11
    assert redis.json.numincrby("key", "$..v", -0.5) == [1.5, 10.5]
    assert redis.json.numincrby("key", "$..v", 0.5) == [2, 11]
    assert redis.json.numincrby("key", "$.text", 1) == [None]
    assert redis.json.numincrby("key", "$.missing", 1) == []
    assert redis.json.get("key") == [{**_nested(11, 2), "text": "x"}]
    # Beyond the precision of a double.
    redis.json.set("key", "$", 2**53)
    assert redis.json.numincrby("key", "$", 1) == [2**53 + 1]
    assert redis.json.get("key") == [2**53 + 1]


def nummultby(redis):
    redis.json.set("key", "$", {**_nested(6, 4), "text": "x"})
    assert redis.json.nummultby("key", "$.v", -2) == [-12]
    assert redis.json.nummultby("key", "in.v", 7) == 28
    assert redis.json.nummultby("key", "$..v", 0.25) == [7, -3]
    assert redis.json.nummultby("key", "$.text", 2) == [None]
    assert redis.json.nummultby("key", "$.missing", 2) == []
    assert redis.json.get("key") == [{**_nested(-3, 7), "text": "x"}]


def objkeys(redis):
    redis.json.set("key", "$", _nested([1], {"a": 1, "ü b": 2}))
    names, none = redis.json.objkeys("key", "$..v")
    assert sorted(names) == ["a", "ü b"]
    assert none is None
    (names,) = redis.json.objkeys("key")
    assert sorted(names) == ["in", "v"]
    assert redis.json.objkeys("key", "$.missing") == []


def objlen(redis):
    redis.json.set("key", "$", _nested([1], {"a": 1, "b": {"c": 2}}))
    assert redis.json.objlen("key", "$..v") == [2, None]
    assert redis.json.objlen("key", "$.missing") == []
    assert redis.json.objlen("key") == [2]
    assert redis.json.objlen("key", ".") == 2


def strappend(redis):
    redis.json.set("key", "$", {**_nested("one", "three"), "n": 31})
    assert redis.json.strappend("key", "$.v", "!") == [4]
    assert redis.json.strappend("key", "$..v", " more") == [10, 9]
    assert redis.json.strappend("key", "$.n", "x") == [None]
    assert redis.json.strappend("key", "$.missing", "x") == []
    expected = [{**_nested("one! more", "three more"), "n": 31}]
    assert redis.json.get("key") == expected
    # The client puts quotes around the text and leaves those within it.
    with fails("^ERR invalid JSON"):
        redis.json.strappend("key", "$.v", 'a"b')
    assert redis.json.get("key") == expected


def strlen(redis):
    redis.json.set("key", "$", {**_nested("one", "three"), "n": 31})
    assert redis.json.strlen("key", "$.v") == [3]
    assert redis.json.strlen("key", "$..v") == [5, 3]
    assert redis.json.strlen("key", "$.n") == [None]
    assert redis.json.strlen("key", "$.missing") == []
    redis.json.set("text", "$", "abc")
    assert redis.json.strlen("text") == [3]
    assert redis.json.strlen("text", ".") == 3


def toggle(redis):
    redis.json.set("key", "$", {**_nested(True, False), "n": 1})
    assert redis.json.toggle("key", "$.v") == [False]
    assert redis.json.get("key", "$.v") == [False]
    assert redis.json.toggle("key", "$.v") == [True]
    assert redis.json.toggle("key", "$..v") == [True, False]
    assert redis.json.toggle("key", "$.n") == [None]
    assert redis.json.toggle("key", "$.missing") == []
    assert redis.json.get("key") == [{**_nested(False, True), "n": 1}]
    redis.json.set("flag", "$", True)
    assert redis.json.toggle("flag") == [False]
