"""Fixtures: the server, and a client of either kind."""

import asyncio

import pytest
import upstash_redis
import upstash_redis.asyncio

from pkv import TOKEN, Awaited, running_pkv

# Before it is loaded, so that its assertions say what was compared.
pytest.register_assert_rewrite("commands")


@pytest.fixture(scope="session")
def url():
    """Where pkv serves."""
    with running_pkv() as url:
        yield url


@pytest.fixture
def settings(url):
    """For a client that tries once. Longer waits than a test may last end with the test."""
    return {"url": url, "token": TOKEN, "rest_retries": 0, "allow_telemetry": False}


@pytest.fixture(params=["sync", "async"])
def connect(request):
    """Makes clients of either kind, and closes them."""
    with asyncio.Runner() as runner:
        clients = []

        def connect(**settings):
            if request.param == "sync":
                clients.append(upstash_redis.Redis(**settings))
            else:
                clients.append(Awaited(upstash_redis.asyncio.Redis(**settings), runner.get_loop()))
            return clients[-1]

        yield connect
        for client in clients:
            client.close()


@pytest.fixture
def redis(connect, settings):
    """A client of an empty database."""
    redis = connect(**settings)
    assert redis.flushdb() is True
    return redis
