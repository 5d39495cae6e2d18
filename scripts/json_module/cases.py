"""Random documents, paths and commands, so that most paths lead somewhere.

All from one `random.Random`: the same seed gives the same cases. Nothing is
said here about what is to be answered.
"""

import json
import re
import typing

NAMES = ["a", "b", "c", "d", "foo", "foo-bar", "_u", "longer_than_fourteen_bytes", "1", "x.y", "a b"]
ODD_NAMES = ["", "é", "日本", "q\"q", "q'q", "b\\s", "n\nl", "$", "*", "@", "..", "[0]", "😀", "a:b", "A"]
STRINGS = ["", "foo", "Foo bar", "f", "exactly14bytes", "more than fourteen bytes", "é", "😀", "日本語",
           "a\"b", "a\\b", "a/b", "l\nl", "t\tt", "\u0001", "\u007f", "\u2028", "1", "null", "x" * 200]
INTEGERS = [0, 0, 1, 1, 2, 3, -1, 7, 42, 100, 2**31, -(2**31), 2**53, 2**53 + 1, 2**63 - 1, -(2**63),
            2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30]
DOUBLES = ["0.0", "-0.0", "-0", "1.0", "1.5", "-2.5", "0.1", "3.14", "1e2", "1E+2", "1e-7", "1e20", "1e21",
           "123456789.125", "1e308", "5e-324", "2.2250738585072014e-308", "0.30000000000000004", "1e15",
           "1e16", "1e17", "4.35", "9007199254740993.0", "100000000000000000000.5", "1e-5", "0.00001234"]
TWO_VALUES = "1 2"
# More than a command takes.
EXTRA = "extra"
NOT_JSON = ["", "{", "[1,]", "01", "1.", "+1", "NaN", "tru", "'a'", "foo", "{\"a\"}", TWO_VALUES, "\"\\ud800\"",
            "\"\\x\"", "\"a", "1e999", "{\"a\":1,}", "[1 2]", "\x00"]
INDICES = [0, 0, 1, 2, 3, -1, -2, -3, 5, 100, -100]
ODD_INDICES = ["x", "1.5", "", 2**31, -(2**63), 2**63 - 1, 2**63]
PATTERNS = ["f.*", "^fo+$", ".*", "(?i)FOO", "[a-z]+", "o", "bar|foo", "\\\\d", "é", "(", "^$", "oo$"]


class Number(str):
    """A number as it is written."""


class Case(typing.NamedTuple):
    """Documents by key, and commands to be done one after the other."""

    documents: dict
    commands: list


class Maker:
    """Makes cases."""

    def __init__(self, random):
        self.random = random

    def case(self):
        root, other = self.value(4, root=True), self.value(2, root=True)
        documents = {"k": self.text(root), "k2": self.text(other)}
        return Case(documents, [self.command(root) for _ in range(self.random.randint(1, 8))])

    def chance(self, share):
        return self.random.random() < share

    def pick(self, *choices):
        return self.random.choice(choices)

    # Documents

    def value(self, depth, root=False):
        if depth == 0 or not root and self.chance(0.5):
            return self.scalar()
        kind = self.random.random()
        size = self.random.choice([0, 1, 2, 3, 3, 4, 5])
        if self.chance(0.02):
            size = self.random.choice([15, 16, 17, 18, 40])
        if kind < 0.5:
            return {self.name(size): self.value(depth - 1) for _ in range(size)}
        if kind < 0.9 or not root:
            return [self.value(depth - 1) for _ in range(size)]
        return self.scalar()

    def name(self, size=0):
        if size > 10:
            return "n%d" % self.random.randrange(60)
        return self.random.choice(ODD_NAMES if self.chance(0.12) else NAMES)

    def scalar(self):
        kind = self.random.random()
        if kind < 0.35:
            return Number(self.random.choice(INTEGERS) if self.chance(0.5) else self.random.randint(0, 9))
        if kind < 0.5:
            return Number(self.random.choice(DOUBLES) if self.chance(0.7) else self.random.random())
        if kind < 0.8:
            return self.random.choice(STRINGS)
        return self.pick(True, False, None)

    def text(self, value):
        """JSON text, in one of the ways in which it can be written."""
        space = self.pick("", "", "", "", " ", "\n", "\t ")
        if isinstance(value, dict):
            members = [f"{self.string(name)}{space}:{self.text(member)}" for name, member in value.items()]
            if members and self.chance(0.02):
                members.append(self.random.choice(members))
            return f"{{{space}{','.join(members)}{space}}}"
        if isinstance(value, list):
            return f"[{space}{','.join(map(self.text, value))}{space}]"
        if isinstance(value, Number):
            return str(value)
        return self.string(value) if isinstance(value, str) else json.dumps(value)

    def string(self, text):
        written = json.dumps(text, ensure_ascii=self.chance(0.3))
        return written.replace("/", "\\/") if self.chance(0.1) else written

    # Paths

    def path(self, root):
        """A path that begins with `$`, or a legacy one."""
        legacy = self.chance(0.35)
        if self.chance(0.12):
            return "." if legacy else "$"
        steps, value = [], root
        for _ in range(self.random.choice([1, 1, 1, 2, 2, 3, 4])):
            step, value = self.step(value)
            steps.append(step)
        if self.chance(0.02):
            steps.append(self.pick(" ", "[", "]", ".", "..", "[?", "[01]", "['a", "[?(@.a=)]", "()", "[-0]"))
        path = "".join(steps)
        if not legacy:
            return "$" + path
        return path[1:] if path[:1] == "." and path[:2] != ".." and self.chance(0.5) else path

    def step(self, value):
        """One step from a value, and a value to which it may lead."""
        kind = self.random.random()
        children = list(value.values() if isinstance(value, dict) else value if isinstance(value, list) else [])
        child = self.random.choice(children) if children else None
        if kind < 0.08:
            return self.descent(value), child
        if kind < 0.16:
            return self.pick(".*", "[*]", "[ * ]"), child
        if kind < 0.28 and (children or self.chance(0.2)):
            return self.filter(child), child
        if isinstance(value, dict) and value:
            name = self.random.choice(list(value)) if self.chance(0.85) else self.name()
            return self.named(name, value), value.get(name)
        if isinstance(value, list) and value:
            return self.element(len(value)), child
        return self.pick(".a", "[0]", ".foo", "['b']", "[-1]", ".new"), None

    def descent(self, value):
        below = list(names(value))
        name = self.random.choice(below) if below and self.chance(0.9) else self.name()
        if re.fullmatch(r"\w[\w-]*", name, re.ASCII) and self.chance(0.7):
            return ".." + name
        return ".." + self.pick(f"[{self.quoted(name)}]", "*", "[0]", "[*]", "[-1]", "[0:2]", self.filter(None))

    def named(self, name, value):
        if re.fullmatch(r"[\w-]+", name) and self.chance(0.7):
            return "." + name
        if self.chance(0.1):
            others = [self.quoted(self.random.choice(list(value))) for _ in range(self.random.randint(1, 2))]
            return f"[{self.pick(',', ', ').join([self.quoted(name), *others])}]"
        return self.pick("[%s]", "[%s]", "[ %s ]", ".[%s]") % self.quoted(name)

    def quoted(self, name):
        double = self.chance(0.5)
        written = json.dumps(name, ensure_ascii=False)
        return written if double else "'" + written[1:-1].replace("\\\"", "\"").replace("'", "\\'") + "'"

    def element(self, length):
        def index():
            return self.random.randint(-length - 1, length)

        kind = self.random.random()
        if kind < 0.55:
            return self.pick("[%d]", "[%d]", "[ %d ]", ".[%d]") % index()
        if kind < 0.7:
            return "[%s]" % ",".join(str(index()) for _ in range(self.random.randint(2, 3)))
        bound = [str(index()) if self.chance(0.7) else "" for _ in range(2)]
        if self.chance(0.3):
            bound.append(self.pick("", "1", "2", "3", "-1", "0", "-2"))
        return "[%s]" % ":".join(bound)

    def filter(self, child):
        test = self.test(child)
        while self.chance(0.25):
            other = self.test(child)
            if self.chance(0.2):
                test = f"({test})"
            test += self.pick("&&", "||", " && ", " || ") + (f"({other})" if self.chance(0.2) else other)
        return f"[?({test})]" if self.chance(0.8) else f"[?{test}]"

    def test(self, child):
        query, found = "@", child
        if isinstance(child, dict) and child and self.chance(0.9):
            name = self.random.choice(list(child)) if self.chance(0.9) else self.name()
            query, found = "@" + self.named(name, child), child.get(name)
        elif isinstance(child, list) and child and self.chance(0.6):
            query, found = f"@[{self.random.randint(-1, 1)}]", child[0]
        if self.chance(0.2):
            return self.pick("", "", "", "!") + query
        if self.chance(0.1):
            return f'{query}{self.pick("=~", " =~ ")}"{self.random.choice(PATTERNS)}"'
        literal = self.literal(found)
        if self.chance(0.1):
            literal = self.pick("$.a", "@.a", "$.foo", "@.b", "$")
        operator = self.pick("==", "!=", "<", "<=", ">", ">=")
        sides = [query, literal] if self.chance(0.9) else [literal, query]
        return self.pick("", " ").join([sides[0], operator, sides[1]])

    def literal(self, like):
        value = like if self.chance(0.5) and not isinstance(like, (dict, list)) else self.scalar()
        if isinstance(value, str) and not isinstance(value, Number):
            return self.quoted(value)
        return str(value) if isinstance(value, Number) else json.dumps(value)

    # Commands

    def command(self, root):
        key = "k" if self.chance(0.96) else self.pick("missing", "plain", "k2")
        name = self.random.choice(list(COMMANDS))
        arguments = COMMANDS[name](self, root)
        if name in ("MGET", "MSET"):
            return [f"JSON.{name}", *arguments]
        if name == "DEBUG":
            return ["JSON.DEBUG", "MEMORY", key, *arguments]
        if self.chance(0.003):
            arguments.append(EXTRA)
        return [f"JSON.{name}", key, *arguments]

    def get(self, root):
        options = []
        if self.chance(0.1):
            words = [["INDENT", self.pick("  ", "\t", "")], ["NEWLINE", "\n"], ["SPACE", " "]]
            options = sum(self.random.sample(words, self.random.randint(1, 3)), [])
        return options + [self.path(root) for _ in range(self.random.choice([0, 1, 1, 1, 1, 1, 2, 3]))]

    def mset(self, root):
        triples = [[self.pick("k", "k2", "new"), self.path(root), self.json()] for _ in range(self.pick(1, 2, 2, 3))]
        return sum(triples, [])

    def set(self, root):
        return [self.path(root), self.json(), *self.pick([], [], [], ["NX"], ["XX"])]

    def json(self, depth=2):
        return self.random.choice(NOT_JSON) if self.chance(0.03) else self.text(self.value(depth))

    def number(self):
        return self.json(0) if self.chance(0.1) else self.text(Number(self.scalar_number()))

    def scalar_number(self):
        while not isinstance(value := self.scalar(), Number):
            pass
        return value

    def index(self):
        return str(self.random.choice(INDICES if self.chance(0.97) else ODD_INDICES))

    def optional(self, *arguments):
        return list(arguments[: self.random.randint(0, len(arguments))])

    def suffix(self):
        return self.string(self.random.choice(STRINGS)) if self.chance(0.9) else self.json(1)

    def patch(self):
        value = self.value(3, root=self.chance(0.7))
        return self.text(sprinkled(value, lambda: self.chance(0.2)))


def sprinkled(value, chance):
    """The value with some members null, as patches have."""
    if not isinstance(value, dict):
        return value
    return {name: None if chance() else sprinkled(member, chance) for name, member in value.items()}


def names(value):
    """The names of all members in a value."""
    if isinstance(value, dict):
        yield from value
    if isinstance(value, (dict, list)):
        for child in value.values() if isinstance(value, dict) else value:
            yield from names(child)


# What follows each command's key.
COMMANDS = {
    "GET": Maker.get,
    "MGET": lambda make, root: [*make.pick(["k"], ["k", "k2"], ["k", "missing", "plain", "k"]), make.path(root)],
    "TYPE": lambda make, root: make.optional(make.path(root)),
    "RESP": lambda make, root: make.optional(make.path(root)),
    "DEBUG": lambda make, root: make.optional(make.path(root)),
    "OBJKEYS": lambda make, root: make.optional(make.path(root)),
    "OBJLEN": lambda make, root: make.optional(make.path(root)),
    "STRLEN": lambda make, root: make.optional(make.path(root)),
    "ARRLEN": lambda make, root: make.optional(make.path(root)),
    "ARRINDEX": lambda make, root: [make.path(root), make.json(1), *make.optional(make.index(), make.index())],
    "SET": Maker.set,
    "MSET": Maker.mset,
    "MERGE": lambda make, root: [make.path(root), make.patch()],
    "DEL": lambda make, root: make.optional(make.path(root)),
    "FORGET": lambda make, root: make.optional(make.path(root)),
    "CLEAR": lambda make, root: make.optional(make.path(root)),
    "TOGGLE": lambda make, root: [make.path(root)],
    "NUMINCRBY": lambda make, root: [make.path(root), make.number()],
    "NUMMULTBY": lambda make, root: [make.path(root), make.number()],
    "STRAPPEND": lambda make, root: [*make.optional(make.path(root)), make.suffix()],
    "ARRAPPEND": lambda make, root: [make.path(root), make.json(), *make.optional(make.json(1))],
    "ARRINSERT": lambda make, root: [make.path(root), make.index(), make.json(), *make.optional(make.json(1))],
    "ARRPOP": lambda make, root: make.optional(make.path(root), make.index()),
    "ARRTRIM": lambda make, root: [make.path(root), make.index(), make.index()],
}
