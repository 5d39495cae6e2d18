"""Every command method of the client, by every way in which a command can be sent.

The results are those that Upstash would give.
"""

import asyncio
from typing import get_type_hints

import pytest
import upstash_redis
import upstash_redis.asyncio
from upstash_redis.errors import UpstashError

from commands import CASES
from pkv import NAMESPACES, TOKEN, Awaited
from ways import WAYS, Batched, Noting

# What pkv does not have. Each names a command that must be refused: once it is not, the methods
# of its family need cases.
ABSENT = {
    # Full-text search is a product of Upstash's own.
    "search": ["SEARCH.QUERY", "index", "{}"],
}

# They send nothing: tests of their own are in test_client.py and test_batches.py.
NO_COMMANDS = {"close", "from_env", "multi", "pipeline"}


def _public(client):
    return (name for name in dir(client) if not name.startswith("_"))


@pytest.mark.parametrize("client", [upstash_redis.Redis, upstash_redis.asyncio.Redis])
def test_every_method_has_a_case(client):
    methods = set(_public(client)) - NAMESPACES
    for namespace in NAMESPACES:
        commands = get_type_hints(getattr(client, namespace).fget)["return"]
        methods |= {f"{namespace}.{name}" for name in _public(commands)}
    assert sorted(methods - CASES.keys() - NO_COMMANDS - ABSENT.keys()) == []
    assert sorted(CASES.keys() - methods) == []
    assert NO_COMMANDS | ABSENT.keys() == Batched.NO_COMMANDS


@pytest.mark.parametrize("refused", ABSENT.values(), ids=ABSENT.keys())
def test_what_is_absent_is_refused(redis, refused):
    with pytest.raises(UpstashError, match="^ERR Command is not available: "):
        redis.execute(refused)


@pytest.fixture(scope="module")
def clients(url):
    """One client of either kind for all cases: to make one takes longer than a case."""
    settings = {"url": url, "token": TOKEN, "rest_retries": 0}
    with upstash_redis.Redis(**settings) as sync, asyncio.Runner() as runner:
        asynchronous = Awaited(upstash_redis.asyncio.Redis(**settings), runner.get_loop())
        yield {"sync": sync, "async": asynchronous}
        asynchronous.close()


def tried():
    for name in CASES:
        yield name, "async", "by itself"
        for way in WAYS:
            # The client cannot read the refusal of a whole transaction.
            if (name, way) != ("client_setinfo", "in a transaction"):
                yield name, "sync", way


@pytest.mark.parametrize(("name", "kind", "way"), list(tried()))
def test_method(clients, name, kind, way):
    assert clients[kind].flushdb() is True
    redis = Noting(WAYS[way](clients[kind]))
    CASES[name](redis)
    assert name in redis.called
