"""Several commands at once: pipelines, transactions, concurrent requests."""

import asyncio

import pytest
from upstash_redis.asyncio import Redis
from upstash_redis.errors import UpstashError


def test_a_pipelines_results_are_in_order(redis):
    pipeline = redis.pipeline().set("key", "value").get("key").incr("n").get("missing")
    assert pipeline.exec() == [True, "value", 1, None]


def test_a_transactions_results_are_in_order(redis):
    transaction = redis.multi().set("key", "value").get("key").incr("n").get("missing")
    assert transaction.exec() == [True, "value", 1, None]


@pytest.mark.parametrize("kind", ["pipeline", "multi"])
def test_a_command_that_fails_in_a_batch_is_raised_after_all_were_executed(redis, kind):
    redis.set("text", "abc")
    batch = getattr(redis, kind)().set("before", 1).lpush("text", "x").set("after", 2)
    with pytest.raises(UpstashError, match="^WRONGTYPE Operation against a key"):
        batch.exec()
    assert redis.mget("before", "after") == ["1", "2"]


def test_concurrent_requests_are_all_answered(settings):
    async def count_to(end):
        async with Redis(**settings) as redis:
            await redis.flushdb()
            return await asyncio.gather(*(redis.incr("n") for _ in range(end)))

    assert sorted(asyncio.run(count_to(100))) == list(range(1, 101))
