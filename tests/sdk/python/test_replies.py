"""Replies that could be mistaken for others, and what takes several requests.

test_methods.py has each command by itself.
"""

import pytest


@pytest.mark.parametrize("elements", [["message", "a", "b"], ["subscribe", "c", "1"]])
def test_a_list_that_looks_like_a_message_of_a_subscription_is_a_list(redis, elements):
    redis.rpush("list", *elements)
    assert redis.lrange("list", 0, -1) == elements


def test_scan_finds_every_key(redis):
    users = {f"user:{i}" for i in range(300)}
    redis.mset({"other": 1, **dict.fromkeys(users, 1)})
    cursor, keys = redis.scan(0, match="user:*", count=50)
    found = set(keys)
    while cursor != 0:
        cursor, keys = redis.scan(cursor, match="user:*", count=50)
        found.update(keys)
    assert found == users
