"""Lua scripts, which live as long as the server: each case has texts of its own."""

import hashlib
import itertools

from .checks import fails

_texts = itertools.count()
_READ_ONLY = "commands are not allowed from read-only"


def _unique(script):
    return f"{script} -- {next(_texts)}"


def _digest(script):
    return hashlib.sha1(script.encode()).hexdigest()


def _locking(script):
    return f"#!lua flags=allow-key-locking\n{script}"


def eval_(redis):
    script = "return {KEYS[1], ARGV[1], {1, {'deep'}}, false, 3.99}"
    expected = ["key", "👋", [1, ["deep"]], None, 3]
    assert redis.eval(script, keys=["key"], args=["👋"]) == expected
    assert redis.eval(_locking("return 1")) == 1
    with fails("^MY own"):
        redis.eval("return redis.error_reply('MY own')")


def eval_ro(redis):
    redis.set("key", "value")
    assert redis.eval_ro("return redis.call('GET', KEYS[1])", keys=["key"]) == "value"
    with fails(_READ_ONLY):
        redis.eval_ro("return redis.call('DEL', KEYS[1])", keys=["key"])
    assert redis.exists("key") == 1


def evalsha(redis):
    script = _unique("return {KEYS[1], ARGV[1]}")
    with fails(r"^NOSCRIPT No matching script\. Please use EVAL\."):
        redis.evalsha(_digest(script), keys=["key"], args=["x"])
    redis.eval(script, keys=["key"], args=["x"])
    assert redis.evalsha(_digest(script), keys=["key"], args=["x"]) == ["key", "x"]


def evalsha_ro(redis):
    reading = _unique("return redis.call('GET', KEYS[1])")
    writing = _unique("return redis.call('DEL', KEYS[1])")
    redis.script_load(reading)
    redis.script_load(writing)
    redis.set("key", "value")
    assert redis.evalsha_ro(_digest(reading), keys=["key"]) == "value"
    with fails(_READ_ONLY):
        redis.evalsha_ro(_digest(writing), keys=["key"])
    assert redis.exists("key") == 1


def script_exists(redis):
    plain, locking = _unique("return 1"), _locking(_unique("return 2"))
    unknown = _digest(_unique("return 3"))
    redis.eval(plain)
    redis.eval(locking)
    known = redis.script_exists(_digest(plain), unknown, _digest(locking))
    assert known == [True, False, True]


def script_flush(redis):
    for flush_type in (None, "SYNC", "ASYNC"):
        plain, locking = _unique("return 1"), _locking(_unique("return 2"))
        redis.script_load(plain)
        redis.script_load(locking)
        assert redis.script_flush(flush_type) is True
        assert redis.script_exists(_digest(plain), _digest(locking)) == [False, False]
        with fails("^NOSCRIPT "):
            redis.evalsha(_digest(locking))


def script_load(redis):
    for script in (_unique("return 'x'"), _locking(_unique("return 'x'"))):
        assert redis.script_load(script) == _digest(script)
        assert redis.evalsha(_digest(script)) == "x"
    with fails("^ERR Error compiling script"):
        redis.script_load("return return")
