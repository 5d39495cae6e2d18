"""JSON documents and their parts.

What lies deeper is answered first: with `$..n`, the inner one's.
"""

from .checks import fails

_OUTER = {"n": 1, "text": "OK", "inner": {"n": 2, "list": [1, "two", None]}}


def clear(redis):
    things = {"object": {"a": 1}, "list": [1], "text": "x", "yes": True, "int": 42, "float": 3.14}
    redis.json.set("key", "$", things)
    assert redis.json.clear("key", "$.missing") == 0
    assert redis.json.clear("key", "$.*") == 4
    cleared = {"object": {}, "list": [], "text": "x", "yes": True, "int": 0, "float": 0}
    assert redis.json.get("key") == [cleared]
    assert redis.json.clear("key", "$.text") == 0
    assert redis.json.clear("key") == 1
    assert redis.json.get("key") == [{}]


def _deletes(redis, remove):
    redis.json.set("key", "$", _OUTER)
    assert remove("key", "$..n") == 2
    assert remove("key", "$.missing") == 0
    assert remove("key", "$.inner.list[0]") == 1
    assert remove("key", ".text") == 1
    assert redis.json.get("key") == [{"inner": {"list": ["two", None]}}]
    assert remove("key") == 1
    assert redis.exists("key") == 0
    assert remove("key") == 0
    assert remove("key", "$.n") == 0


def delete(redis):
    _deletes(redis, redis.json.delete)


def forget(redis):
    _deletes(redis, redis.json.forget)


def get(redis):
    redis.json.set("key", "$", _OUTER)
    assert redis.json.get("key") == [_OUTER]
    assert redis.json.get("key", "$.inner") == [_OUTER["inner"]]
    assert redis.json.get("key", "$..n") == [2, 1]
    assert redis.json.get("key", "$.inner.list[-1]", "$..n") == {
        "$.inner.list[-1]": [None],
        "$..n": [2, 1],
    }
    assert redis.json.get("key", "$.inner.list[0,1]") == [1, "two"]
    assert redis.json.get("key", "$.inner.list[1:]") == ["two", None]
    assert redis.json.get("key", "$..[?(@.n>1)].n") == [2]
    assert redis.json.get("key", "$.missing") == []
    # Paths without a dollar mean one value.
    assert redis.json.get("key", ".") == _OUTER
    assert redis.json.get("key", ".text") == "OK"
    assert redis.json.get("key", ".n", "inner.n") == {".n": 1, "inner.n": 2}
    with fails("^ERR Path '.missing' does not exist"):
        redis.json.get("key", ".missing")
    assert redis.json.get("missing") is None
    assert redis.json.get("missing", "$.n") is None


def merge(redis):
    redis.json.set("key", "$", _OUTER)
    assert redis.json.merge("key", "$.n", 8) is True
    assert redis.json.merge("key", "$.new", {"deep": [1], "no": None}) is True
    assert redis.json.get("key") == [{**_OUTER, "n": 8, "new": {"deep": [1]}}]
    patch = {"text": None, "inner": {"n": 3}, "new": "x", "more": 1}
    assert redis.json.merge("key", "$", patch) is True
    inner = {"n": 3, "list": [1, "two", None]}
    assert redis.json.get("key") == [{"n": 8, "inner": inner, "new": "x", "more": 1}]
    assert redis.json.merge("key", "$.inner.list", ["whole"]) is True
    assert redis.json.merge("key", "$..n", {"object": True}) is True
    # The value's own patch, not its parent's: null takes its place (RFC 7396).
    assert redis.json.merge("key", "$.new", None) is True
    n = {"object": True}
    expected = {"n": n, "inner": {"n": n, "list": ["whole"]}, "new": None, "more": 1}
    assert redis.json.get("key") == [expected]
    with fails("^ERR "):
        redis.json.merge("key", "$.missing.child", 1)

    assert redis.json.merge("other", "$", {"a": {"b": None}}) is True
    assert redis.json.get("other") == [{"a": {}}]
    with fails("^ERR .*created at the root"):
        redis.json.merge("third", "$.a", 1)
    assert redis.exists("third") == 0


def mget(redis):
    redis.json.set("a", "$", {"n": 1, "in": {"n": 2}})
    redis.json.set("b", "$", {"n": {"x": 3}, "in": {"n": "four"}})
    found = redis.json.mget(["a", "b", "missing"], "$..n")
    assert found == [[2, 1], ["four", {"x": 3}], None]
    assert redis.json.mget(["a", "b"], "$.missing") == [[], []]
    assert redis.json.mget(["b", "a"], ".n.x") == [3, None]


def mset(redis):
    assert redis.json.mset([("a", "$", {"n": 1, "in": {"n": 2}}), ("b", "$", [1])]) is True
    assert redis.json.mset([("a", "$..n", "text"), ("b", "$[0]", True), ("c", "$", None)]) is True
    expected = [[{"n": "text", "in": {"n": "text"}}], [[True]], [None]]
    assert redis.json.mget(["a", "b", "c"], "$") == expected
    # All or nothing.
    with fails("^ERR "):
        redis.json.mset([("a", "$", 0), ("b", "$.x.y", 0)])
    with fails("^ERR .*created at the root"):
        redis.json.mset([("a", "$", 0), ("d", "$.x", 0)])
    assert redis.json.mget(["a", "b", "c"], "$") == expected
    assert redis.exists("d") == 0


def resp(redis):
    redis.json.set("key", "$", {**_OUTER, "yes": True, "float": 1.5})
    values = ["[", 1, "two", None]
    everything = ["{", "n", 1, "text", "OK", "inner", ["{", "n", 2, "list", values]]
    everything += ["yes", "true", "float", "1.5"]
    assert redis.json.resp("key") == [everything]
    assert redis.json.resp("key", ".") == everything
    assert redis.json.resp("key", "$.inner.list") == [values]
    assert redis.json.resp("key", "$..n") == [2, 1]
    assert redis.json.resp("missing") is None


def set_(redis):
    with fails("^ERR .*created at the root"):
        redis.json.set("key", "$.n", 1)
    assert redis.json.set("key", "$", _OUTER, xx=True) is False
    assert redis.exists("key") == 0
    assert redis.json.set("key", "$", _OUTER, nx=True) is True
    assert redis.json.set("key", "$", {}, nx=True) is False
    assert redis.json.set("key", "$.n", 5, nx=True) is False
    assert redis.json.set("key", "$.new", 5, xx=True) is False
    assert redis.json.get("key") == [_OUTER]
    assert redis.json.set("key", "$.new", 5, nx=True) is True
    assert redis.json.set("key", "$.new", "text", xx=True) is True
    assert redis.json.set("key", "$..n", 3) is True
    assert redis.json.set("key", "$.inner.list[1]", [False, 1.5]) is True
    assert redis.json.set("key", "$.inner.list[3]", {"last": "👋"}) is True
    assert redis.json.set("key", ".inner.yes", True) is True
    assert redis.json.set("key", "$.inner.no", None) is True
    values = [1, [False, 1.5], None, {"last": "👋"}]
    inner = {"n": 3, "list": values, "yes": True, "no": None}
    assert redis.json.get("key") == [{"n": 3, "text": "OK", "inner": inner, "new": "text"}]
    with fails("^ERR "):
        redis.json.set("key", "$.missing.child", 1)
    assert redis.json.set("key", "$", [1, 2]) is True
    assert redis.json.get("key") == [[1, 2]]


def type_(redis):
    things = {
        "object": {},
        "array": [],
        "string": "",
        "integer": 1,
        "number": 1.5,
        "boolean": True,
        "null": None,
    }
    redis.json.set("key", "$", things)
    for name in things:
        assert redis.json.type("key", f"$.{name}") == [name]
    assert redis.json.type("key") == ["object"]
    assert redis.json.type("key", ".") == "object"
    assert redis.json.type("key", "$.missing") == []
    assert redis.json.type("missing") is None
    redis.json.set("key", "$.object", {"integer": "now a text"})
    assert redis.json.type("key", "$..integer") == ["string", "integer"]
