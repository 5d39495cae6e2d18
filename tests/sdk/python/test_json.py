"""JSON documents as keys among others, in scripts and batches, and what is refused.

test_methods.py has each method by itself.
"""

import pytest
from upstash_redis.errors import UpstashError

from commands.checks import fails

WRONG_TYPE = "^WRONGTYPE Operation against a key holding the wrong kind of value$"


def test_a_document_reads_back_as_it_was_set(redis):
    document = {
        "👋 with.dots and 'quotes\"": ["👩‍👩‍👧‍👦", "\0\n\\/\u2028", ""],
        "numbers": [0, -1, 1.5, 1e300, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1],
        "empty": [{}, [], [[]], None],
        "booleans": {"true": True, "false": False},
    }
    redis.json.set("🗝️", "$", document)
    assert redis.json.get("🗝️") == [document]
    assert redis.json.get("🗝️", '$["👋 with.dots and \'quotes\\""][0]') == ["👩‍👩‍👧‍👦"]
    (copied,) = redis.json.get("🗝️")
    redis.json.set("copy", "$", copied)
    assert redis.json.mget(["🗝️", "copy"], "$") == [[document], [document]]


def test_a_document_expires_and_keeps_its_expiry_when_it_changes(redis):
    redis.json.set("key", "$", {"n": 1})
    assert redis.ttl("key") == -1
    assert redis.expire("key", 100) is True
    redis.json.numincrby("key", "$.n", 1)
    redis.json.set("key", "$.more", [1])
    assert 1 <= redis.ttl("key") <= 100
    assert redis.persist("key") is True
    assert redis.ttl("key") == -1
    assert redis.json.get("key") == [{"n": 2, "more": [1]}]
    assert redis.expire("key", -1) is True
    assert redis.json.get("key") is None


def test_a_document_keeps_its_contents_under_another_name(redis):
    redis.json.set("a", "$", {"n": 1})
    redis.set("b", "in the way")
    assert redis.renamenx("a", "b") is False
    assert redis.rename("a", "b") is True
    assert redis.json.get("a") is None
    assert redis.json.get("b") == [{"n": 1}]
    assert redis.type("b") == "json"


def test_a_copy_of_a_document_is_a_document_of_its_own(redis):
    redis.json.set("a", "$", {"list": [1]})
    redis.set("taken", "in the way")
    assert redis.copy("a", "b") is True
    assert redis.copy("a", "taken") is False
    assert redis.copy("a", "taken", replace=True) is True
    redis.json.arrappend("a", "$.list", 2)
    redis.json.set("b", "$.list[0]", 3)
    redis.delete("a")
    assert redis.json.mget(["a", "b", "taken"], "$.list") == [None, [[3]], [[1]]]


def test_scan_finds_every_document_and_says_which_keys_are_some(redis):
    documents = {f"json:{i}" for i in range(150)}
    redis.json.mset([(key, "$", {"key": key}) for key in documents])
    texts = {f"string:{i}" for i in range(150)}
    redis.mset(dict.fromkeys(texts, 1))

    found, cursor = set(), None
    while cursor != 0:
        cursor, keys = redis.scan(cursor or 0, count=50, type="json")
        found.update(keys)
    assert found == documents

    # The client has no option for it.
    cursor, keys = redis.execute(["SCAN", 0, "COUNT", 1000, "WITHTYPE"])
    assert cursor == 0
    typed = dict(zip(keys[::2], keys[1::2]))
    assert typed == dict.fromkeys(documents, "json") | dict.fromkeys(texts, "string")


def test_a_script_reads_and_writes_documents(redis):
    script = """
        redis.call('JSON.SET', KEYS[1], '$', ARGV[1])
        local sum = redis.call('JSON.NUMINCRBY', KEYS[1], '$.n', ARGV[2])
        local lengths = redis.call('JSON.ARRAPPEND', KEYS[1], '$.list', '2', '3')
        local missing = redis.call('JSON.GET', KEYS[2])
        return {sum, lengths, redis.call('JSON.TYPE', KEYS[1], '$.none'), missing == false}
    """
    args = ['{"n": 1, "list": [1]}', 41]
    result = redis.eval(script, keys=["key", "missing"], args=args)
    assert result == ["[42]", [3], [], 1]
    assert redis.json.get("key") == [{"n": 42, "list": [1, 2, 3]}]
    with fails("^ERR invalid JSON"):
        redis.eval("return redis.call('JSON.SET', KEYS[1], '$.list', '[')", keys=["key"])
    with fails("commands are not allowed from read-only"):
        redis.eval_ro("return redis.call('JSON.DEL', KEYS[1])", keys=["key"])
    reading = "return redis.call('JSON.GET', KEYS[1], '$.n')"
    assert redis.eval_ro(reading, keys=["key"]) == "[42]"


@pytest.mark.parametrize("kind", ["pipeline", "multi"])
def test_a_batchs_results_are_in_order(redis, kind):
    batch = getattr(redis, kind)()
    batch.json.set("key", "$", {"n": 1, "list": [1, "two"]})
    batch.json.numincrby("key", "$.n", 1)
    batch.set("text", "x").json.arrpop("key", "$.list")
    batch.json.get("key").type("key")
    results = [True, [2], True, ["two"], [{"n": 2, "list": [1]}], "json"]
    assert batch.exec() == results


@pytest.mark.parametrize("kind", ["pipeline", "multi"])
def test_a_command_that_fails_in_a_batch_is_raised_after_all_were_executed(redis, kind):
    redis.set("text", "abc")
    batch = getattr(redis, kind)()
    batch.json.set("key", "$", {"n": 1})
    batch.json.set("text", "$", 1)
    batch.json.numincrby("key", "$.n", 1)
    with pytest.raises(UpstashError, match="^WRONGTYPE "):
        batch.exec()
    assert redis.json.get("key") == [{"n": 2}]


def test_a_path_that_is_none_is_refused_and_where_it_goes_wrong_is_said(redis):
    redis.json.set("key", "$", {"n": 1})
    with fails("^ERR invalid JSON path at character 5: "):
        redis.json.get("key", "$.n[")
    for path in ("$[", "$..", "$.n[?(", "$['n'", "$.n[1:2:0:3]", ""):
        with fails("^ERR invalid JSON path "):
            redis.json.set("key", path, 2)
    assert redis.json.get("key") == [{"n": 1}]


def test_what_is_no_json_is_refused_and_where_it_goes_wrong_is_said(redis):
    redis.json.set("key", "$", {"n": 1})
    with fails(r"^ERR invalid JSON: .* at line 1 column 8\b"):
        redis.execute(["JSON.SET", "key", "$.n", '{"a": nothing}'])
    for text in ("", "{", "[1,]", "{'a':1}", "text", '"text', "1 2", "NaN", "01"):
        with fails("^ERR invalid JSON"):
            redis.execute(["JSON.SET", "key", "$", text])
        with fails("^ERR invalid JSON"):
            redis.execute(["JSON.SET", "new", "$", text])
    # The client puts quotes around a text and leaves those within it.
    with fails("^ERR invalid JSON"):
        redis.json.set("key", "$.n", 'a"b')
    assert redis.json.get("key") == [{"n": 1}]
    assert redis.exists("new") == 0


def test_a_key_that_holds_something_else_is_left_alone(redis):
    redis.set("text", '{"n": 1}')
    for refused in (
        lambda: redis.json.get("text"),
        lambda: redis.json.set("text", "$", 1),
        lambda: redis.json.merge("text", "$", {"n": 2}),
        lambda: redis.json.mset([("new", "$", 1), ("text", "$", 1)]),
        lambda: redis.json.numincrby("text", "$.n", 1),
        lambda: redis.json.arrappend("text", "$", 1),
        lambda: redis.json.delete("text"),
        lambda: redis.json.type("text"),
    ):
        with fails(WRONG_TYPE):
            refused()
    assert redis.get("text") == '{"n": 1}'
    assert redis.exists("new") == 0

    redis.json.set("key", "$", {"n": 1})
    for refused in (
        lambda: redis.get("key"),
        lambda: redis.append("key", "x"),
        lambda: redis.hget("key", "n"),
        lambda: redis.lpush("key", 1),
    ):
        with fails(WRONG_TYPE):
            refused()
    assert redis.json.get("key") == [{"n": 1}]


def test_what_changes_a_part_of_a_document_needs_one(redis):
    for refused in (
        lambda: redis.json.numincrby("missing", "$", 1),
        lambda: redis.json.arrappend("missing", "$", 1),
        lambda: redis.json.arrpop("missing"),
        lambda: redis.json.strappend("missing", "$", "x"),
        lambda: redis.json.toggle("missing"),
        lambda: redis.json.clear("missing"),
    ):
        with fails("^ERR could not perform this operation on a key that doesn't exist$"):
            refused()
    assert redis.dbsize() == 0
