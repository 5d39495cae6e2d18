"""upstash-ratelimit, whose scripts carry the flag `allow-key-locking`."""

import asyncio
import time

import pytest
import upstash_ratelimit
import upstash_ratelimit.asyncio
import upstash_redis
import upstash_redis.asyncio
from upstash_ratelimit import FixedWindow, SlidingWindow, TokenBucket

from pkv import DEADLINE, Awaited

ALGORITHMS = {
    # Windows so long that none ends during a test.
    "fixed window": FixedWindow(max_requests=3, window=3650, unit="d"),
    "sliding window": SlidingWindow(max_requests=3, window=3650, unit="d"),
    "token bucket": TokenBucket(max_tokens=3, refill_rate=3, interval=3650, unit="d"),
}


@pytest.fixture(params=["sync", "async"])
def limiter(request, settings):
    """Makes ratelimits of either kind, with an empty database."""
    with upstash_redis.Redis(**settings) as redis, asyncio.Runner() as runner:
        redis.flushdb()
        if request.param == "sync":
            yield lambda algorithm: upstash_ratelimit.Ratelimit(redis, algorithm)
            return
        client = upstash_redis.asyncio.Redis(**settings)

        def make(algorithm):
            ratelimit = upstash_ratelimit.asyncio.Ratelimit(client, algorithm)
            return Awaited(ratelimit, runner.get_loop())

        yield make
        runner.run(client.close())


@pytest.fixture(params=ALGORITHMS.values(), ids=ALGORITHMS.keys())
def ratelimit(request, limiter):
    return limiter(request.param)


def passed(ratelimit, requests):
    """Which of so many requests of somebody's may pass."""
    return [ratelimit.limit("somebody").allowed for _ in range(requests)]


def test_three_may_pass_and_the_fourth_may_not(ratelimit):
    assert passed(ratelimit, 4) == [True, True, True, False]
    response = ratelimit.limit("somebody")
    assert (response.limit, response.remaining) == (3, 0)
    assert response.reset > time.time()
    assert ratelimit.limit("somebody else").allowed


def test_what_remains_is_known(ratelimit):
    assert ratelimit.get_remaining("somebody") == 3
    assert ratelimit.limit("somebody").remaining == 2
    assert ratelimit.get_remaining("somebody") == 2
    assert ratelimit.get_reset("somebody") > time.time()


def test_a_request_may_cost_more_than_one(ratelimit):
    assert ratelimit.limit("somebody", rate=2).remaining == 1
    assert passed(ratelimit, 2) == [True, False]


def test_who_waits_too_short_a_time_is_refused(ratelimit):
    passed(ratelimit, 3)
    assert not ratelimit.block_until_ready("somebody", 0.05).allowed


def test_who_waits_until_the_window_ends_may_pass(limiter):
    ratelimit = limiter(TokenBucket(max_tokens=1, refill_rate=1, interval=1))
    assert ratelimit.limit("somebody").allowed
    assert ratelimit.block_until_ready("somebody", DEADLINE).allowed
