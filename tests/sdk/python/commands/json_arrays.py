"""Arrays in JSON documents. What lies deeper is answered first: with `$..list`, the room's."""

from .checks import fails


def _house(values, deeper):
    return {"list": values, "door": "open", "room": {"list": deeper}}


def arrappend(redis):
    redis.json.set("house", "$", _house(["bed"], ["desk", "lamp"]))
    assert redis.json.arrappend("house", "$.list", "chair") == [2]
    assert redis.json.arrappend("house", "$..list", 1.5, True, None, {"a": None}) == [6, 6]
    assert redis.json.arrappend("house", "$.room.list", ["in", "one"]) == [7]
    assert redis.json.arrappend("house", "$.door", 1) == [None]
    assert redis.json.arrappend("house", "$.garden", 1) == []
    assert redis.json.get("house", "$..list") == [
        ["desk", "lamp", 1.5, True, None, {"a": None}, ["in", "one"]],
        ["bed", "chair", 1.5, True, None, {"a": None}],
    ]


def arrindex(redis):
    values = [1, "1", ["x"], 1.5, {"y": 1}, None, 1]
    redis.json.set("house", "$", _house(values, [7, 1]))
    for at, value in enumerate(values[:-1]):
        assert redis.json.arrindex("house", "$.list", value) == [at]
    assert redis.json.arrindex("house", "$..list", 1) == [1, 0]
    assert redis.json.arrindex("house", "$.list", 2) == [-1]
    assert redis.json.arrindex("house", "$.door", 1) == [None]
    assert redis.json.arrindex("house", "$.list", 1, 1) == [6]
    assert redis.json.arrindex("house", "$.list", 1, -2) == [6]
    # The end is not searched itself, and 0 is that of the array.
    assert redis.json.arrindex("house", "$.list", 1, 1, 6) == [-1]
    assert redis.json.arrindex("house", "$.list", 1, 1, -1) == [-1]
    assert redis.json.arrindex("house", "$.list", 1, 1, 0) == [6]


def arrinsert(redis):
    redis.json.set("house", "$", _house(["bed"], ["desk", "lamp"]))
    assert redis.json.arrinsert("house", "$.list", 0, "first") == [2]
    assert redis.json.arrinsert("house", "$.list", -1, 1, None) == [4]
    assert redis.json.arrinsert("house", "$.list", 4, "last") == [5]
    assert redis.json.arrinsert("house", "$..list", 1, [True]) == [3, 6]
    assert redis.json.arrinsert("house", "$.door", 0, 1) == [None]
    expected = [["desk", [True], "lamp"], ["first", [True], 1, None, "bed", "last"]]
    assert redis.json.get("house", "$..list") == expected
    # Out of one of both: then none is changed.
    for index in (4, -4):
        with fails("^ERR .*out of bounds"):
            redis.json.arrinsert("house", "$..list", index, 0)
    assert redis.json.get("house", "$..list") == expected


def arrlen(redis):
    redis.json.set("house", "$", _house(["bed"], ["desk", "lamp"]))
    assert redis.json.arrlen("house", "$.list") == [1]
    assert redis.json.arrlen("house", "$..list") == [2, 1]
    assert redis.json.arrlen("house", "$.door") == [None]
    assert redis.json.arrlen("house", "$.garden") == []
    assert redis.json.arrlen("house") == [None]
    redis.json.set("list", "$", [1, [2, 3], []])
    assert redis.json.arrlen("list") == [3]


def arrpop(redis):
    redis.json.set("house", "$", _house([1, "two", {"n": 3}, [4], 5], [6, 7]))
    assert redis.json.arrpop("house", "$.list") == [5]
    assert redis.json.arrpop("house", "$.list", 0) == [1]
    assert redis.json.arrpop("house", "$.list", -2) == [{"n": 3}]
    assert redis.json.arrpop("house", "$..list", 100) == [7, [4]]
    assert redis.json.arrpop("house", "$..list", -100) == [6, "two"]
    assert redis.json.arrpop("house", "$..list") == [None, None]
    assert redis.json.arrpop("house", "$.door") == [None]
    assert redis.json.get("house") == [_house([], [])]
    redis.json.set("list", "$", [1, 2])
    assert redis.json.arrpop("list") == [2]


def arrtrim(redis):
    def trimmed(start, stop):
        redis.json.set("house", "$", _house([1, 2, 3, 4], [5, 6, 7]))
        lengths = redis.json.arrtrim("house", "$..list", start, stop)
        lists = redis.json.get("house", "$..list")
        assert lengths == [len(values) for values in lists]
        return lists

    assert trimmed(1, 2) == [[6, 7], [2, 3]]
    assert trimmed(-2, -1) == [[6, 7], [3, 4]]
    assert trimmed(3, 100) == [[], [4]]
    assert trimmed(-100, 0) == [[5], [1]]
    assert trimmed(2, 1) == [[], []]
    assert redis.json.arrtrim("house", "$.door", 0, 0) == [None]
