"""What the client makes of errors, and of the header that lets it read its own writes."""

import pytest
from upstash_redis.errors import UpstashError


def test_rediss_error_is_the_clients_error(redis):
    redis.set("text", "abc")
    wrong_type = "^WRONGTYPE Operation against a key holding the wrong kind of value$"
    with pytest.raises(UpstashError, match=wrong_type):
        redis.lpush("text", "x")


def test_a_wrong_token_is_refused(connect, settings):
    stranger = connect(**{**settings, "token": "wrong"})
    with pytest.raises(UpstashError, match="^WRONGPASS "):
        stranger.get("key")


def test_the_client_takes_over_the_sync_token_of_each_response(redis):
    tokens = []
    for write in (
        lambda: redis.set("key", 1),
        lambda: redis.pipeline().set("key", 2).exec(),
        lambda: redis.multi().set("key", 3).exec(),
    ):
        write()
        tokens.append(redis._sync_token)  # which it sends with the next request
    assert all(tokens)
    assert len(set(tokens)) == 3
