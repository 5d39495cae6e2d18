"""What several cases need."""

import time

import pytest
from upstash_redis.errors import UpstashError


def fails(text):
    """Expects an error of the server whose text has this in it (a regular expression)."""
    return pytest.raises(UpstashError, match=text)


def soon():
    """A time in the future, in seconds since 1970."""
    return int(time.time()) + 1000


def past():
    """A time in the past, in seconds since 1970."""
    return int(time.time()) - 100
