"""What is stored is what is read."""

import base64
import json

import httpx
import pytest

from pkv import DEADLINE, TOKEN


def test_a_text_reads_back_as_it_was_set(redis):
    assert redis.set("key", "value") is True
    assert redis.get("key") == "value"


def test_a_missing_key_is_none(redis):
    assert redis.get("missing") is None
    assert redis.mget("missing", "too") == [None, None]


def test_emoji_read_back_whole_in_keys_and_values(redis):
    redis.set("🗝️", "héllo 👩‍👩‍👧‍👦 🎉")
    assert redis.get("🗝️") == "héllo 👩‍👩‍👧‍👦 🎉"


def test_all_characters_from_0_to_255_read_back(redis):
    text = "".join(map(chr, range(256)))
    redis.set("key", text)
    assert redis.get("key") == text
    assert redis.mget("key") == [text]
    assert redis.strlen("key") == 128 + 2 * 128


def test_raw_bytes_from_0_to_255_read_back(redis, url):
    raw = bytes(range(256))
    headers = {"Authorization": f"Bearer {TOKEN}", "Upstash-Encoding": "base64"}
    with httpx.Client(base_url=url, headers=headers, timeout=DEADLINE) as http:
        assert http.post("/set/key", content=raw).json() == {"result": "OK"}
        result = http.get("/get/key").json()["result"]
    assert base64.b64decode(result, validate=True) == raw
    assert redis.strlen("key") == 256


@pytest.mark.parametrize("number", [0, 42, -7, 1.5, 2**53 + 1, 2**63 - 1])
def test_numbers_read_back_digit_by_digit(redis, number):
    redis.set("key", number)
    assert redis.get("key") == str(number)


def test_counters_are_numbers_of_64_bits(redis):
    assert redis.incr("counter") == 1
    assert redis.incrby("counter", 2**63 - 2) == 2**63 - 1
    assert redis.incrbyfloat("float", 1.5) == 1.5


def test_json_objects_read_back_as_their_text(redis):
    value = {"name": "Ada", "tags": ["a", "b"], "nested": {"yes": True, "no": None, "ü": 1.5}}
    redis.set("key", value)
    assert json.loads(redis.get("key")) == value


def test_ok_reads_back_as_ok_alone_and_in_an_array(redis):
    redis.set("key", "OK")
    assert redis.get("key") == "OK"
    assert redis.mget("key", "key") == ["OK", "OK"]
    assert redis.eval("return {redis.call('SET', KEYS[1], 'x')}", keys=["key"]) == ["OK"]


def test_texts_that_look_like_base64_are_not_decoded(redis):
    texts = ["aGVsbG8=", "T0s=", "abcd", "YQ", "====", "%%12", ""]
    for text in texts:
        redis.set("key", text)
        assert redis.get("key") == text
    redis.rpush("list", *texts)
    assert redis.lrange("list", 0, -1) == texts


def test_a_client_that_asks_for_no_encoding_reads_the_same(redis, connect, settings):
    plain = connect(**settings, rest_encoding=None)
    redis.mset({"a": "OK", "b": "aGVsbG8=", "c": "👋"})
    assert plain.mget("a", "b", "c", "d") == ["OK", "aGVsbG8=", "👋", None]
