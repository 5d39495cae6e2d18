"""What the client makes of errors, the environment, and the header to read its own writes."""

import asyncio

import pytest
import upstash_redis
import upstash_redis.asyncio
from upstash_redis.errors import UpstashError

from pkv import TOKEN


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


def test_a_client_that_need_not_read_its_own_writes_keeps_no_sync_token(connect, settings):
    redis = connect(**settings, read_your_writes=False)
    assert redis.set("key", 1) is True
    assert redis._sync_token == ""


@pytest.fixture
def environment(monkeypatch, url):
    monkeypatch.setenv("UPSTASH_REDIS_REST_URL", url)
    monkeypatch.setenv("UPSTASH_REDIS_REST_TOKEN", TOKEN)


def test_the_environments_variables_make_a_client(environment):
    with upstash_redis.Redis.from_env() as redis:
        assert redis.set("key", "from the environment") is True
        assert redis.get("key") == "from the environment"


def test_the_environments_variables_make_an_asynchronous_client(environment):
    async def use():
        async with upstash_redis.asyncio.Redis.from_env() as redis:
            assert await redis.set("key", "awaited") is True
            return await redis.get("key")

    assert asyncio.run(use()) == "awaited"
