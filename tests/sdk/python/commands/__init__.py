"""One case for each command method of the client, in a function of the method's name.

A trailing underscore keeps a name from hiding Python's own.
"""

from types import FunctionType

from . import (
    bits,
    hash_expiry,
    hashes,
    keys,
    lists,
    places,
    scripts,
    server,
    sets,
    sorted_set_ranges,
    sorted_sets,
    streams,
    strings,
)

_MODULES = (
    bits,
    hash_expiry,
    hashes,
    keys,
    lists,
    places,
    scripts,
    server,
    sets,
    sorted_set_ranges,
    sorted_sets,
    streams,
    strings,
)


def _cases():
    for module in _MODULES:
        for name, value in vars(module).items():
            defined_there = isinstance(value, FunctionType) and value.__module__ == module.__name__
            if defined_there and not name.startswith("_"):
                yield name.rstrip("_"), value


CASES = dict(_cases())
