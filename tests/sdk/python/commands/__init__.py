"""One case for each command method of the client, in a function of the method's name.

A trailing underscore keeps a name from hiding Python's own. The cases of `redis.json.get` and
the like are in modules of their own.
"""

from types import FunctionType

from . import (
    bits,
    hash_expiry,
    hashes,
    json_arrays,
    json_documents,
    json_values,
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

_JSON_MODULES = (json_arrays, json_documents, json_values)


def _cases(modules, prefix=""):
    for module in modules:
        for name, value in vars(module).items():
            defined_there = isinstance(value, FunctionType) and value.__module__ == module.__name__
            if defined_there and not name.startswith("_"):
                yield prefix + name.rstrip("_"), value


CASES = dict(_cases(_MODULES)) | dict(_cases(_JSON_MODULES, "json."))
