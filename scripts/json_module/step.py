"""One command that both servers have done: what it was about, and what each says
about its paths alone.
"""

import re

from .server import Error
from .values import Comparison, parse

# A path with `..`, outside of quotes.
DESCENT = re.compile(r"""(?:[^'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*?\.\.""", re.DOTALL)
KEYS = ("k", "k2", "new")
# A key that has a document when a server is asked about a path alone.
ANY = "any"
LAYOUT = ("INDENT", "NEWLINE", "SPACE")


class Step:
    """A command, the documents before it, and of each server reply and documents after it."""

    def __init__(self, command, before, theirs, mine, servers):
        self.command = command
        self.name = command[0].removeprefix("JSON.")
        self.before = before
        self.theirs, self.their_documents = theirs
        self.mine, self.my_documents = mine
        self.servers = servers
        # Whether a server has been asked about it, which changes its documents.
        self.asked = False
        self.paths = paths(self.name, command)

    def documents_differ(self):
        return self.their_documents != self.my_documents

    def changed_nothing(self):
        return self.their_documents == self.before == self.my_documents

    @property
    def is_legacy(self):
        return not any(path.startswith("$") for path in self.paths.values())

    @property
    def descends(self):
        return any(DESCENT.match(path) for path in self.paths.values())

    def key_is_missing(self):
        documents = dict(zip(KEYS, self.before))
        keys = self.command[2:3] if self.name == "DEBUG" else self.command[1:2]
        return self.name not in ("MGET", "MSET") and documents.get(keys[0] if keys else "") is None

    def asks(self, command):
        """What each server answers to a command about the documents before this one."""
        self.asked = True
        before = [["FLUSHALL"], ["SET", "plain", "x"], ["JSON.SET", ANY, "$", "1"]]
        before += [["JSON.SET", key, "$", text] for key, text in zip(KEYS, self.before) if text is not None]
        return [server.pipeline([*before, command])[-1] for server in self.servers]

    def matches(self):
        """For each path and key, what each server finds there."""
        keys = KEYS[:2] if self.name in ("MGET", "MSET") else [self.command[2 if self.name == "DEBUG" else 1]]
        for path in self.paths.values():
            for key in keys:
                yield path, self.asks(["JSON.GET", key, as_jsonpath(path)])

    def unread(self, server, words):
        """The paths that a server calls no path."""
        paths = set()
        for path in self.paths.values():
            answer = self.asks(["JSON.GET", ANY, path])[server]
            if isinstance(answer, Error) and words in answer:
                paths.add(path)
        return paths

    def differing_paths(self):
        """The paths that lead to other values on one server than on the other."""
        differing = set()
        for path, (theirs, mine) in self.matches():
            if theirs is None or mine is None or isinstance(theirs, Error) or isinstance(mine, Error):
                same = type(theirs) is type(mine)
            else:
                same = Comparison().same_in_any_order(parse(theirs), parse(mine))
            if not same:
                differing.add(path)
        return differing

    def answers_of_all(self):
        """What the reference answers to a legacy command's `$` path."""
        (at, path), = self.paths.items()
        command = list(self.command)
        command[at] = as_jsonpath(path)
        return self.asks(command)[0]


def paths(name, command):
    """A command's paths, by their places in it."""
    if name == "MGET":
        return {len(command) - 1: command[-1]}
    if name == "MSET":
        return {at: command[at] for at in range(2, len(command), 3)}
    if name == "STRAPPEND" and len(command) < 4:
        return {}
    first = 3 if name == "DEBUG" else 2
    if name != "GET":
        return {first: command[first]} if len(command) > first else {}
    while command[first : first + 1] and command[first] in LAYOUT:
        first += 2
    return dict(enumerate(command[first:], first))


def as_jsonpath(path):
    if path.startswith("$"):
        return path
    return "$" if path == "." else "$" + ("" if path[:1] in (".", "[") else ".") + path
