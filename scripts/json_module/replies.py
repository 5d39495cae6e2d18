"""Two replies to one command, and the documents after it: the same, but for how
numbers are written and in which order `..` has its matches?
"""

import re

from .server import Error
from .step import as_jsonpath
from .values import Comparison, parse

# A double's exponent, outside of strings.
EXPONENT = re.compile(rb'("(?:[^"\\]|\\.)*")|(\de)(\d)')
# An integer that may be no i64.
WIDE = re.compile(rb"\d{19}")
# Commands whose replies are JSON text.
TEXT = ("GET", "MGET", "NUMINCRBY", "NUMMULTBY", "ARRPOP")
TOGGLED = {b"true": 1, b"false": 0}

ORDER = "`..`: what a value holds comes before its own match"


def compared(step):
    """The names of the differences that a step shows; None if it shows others."""
    numbers = [*step.before, step.command[-1].encode()]
    calculates = step.name in ("NUMINCRBY", "NUMMULTBY")
    wide = calculates and any(WIDE.search(text or b"") for text in numbers)
    comparison = Comparison(wide=wide, ulps=4 if calculates else 1)
    documents = zip(step.their_documents, step.my_documents)
    if all(same_text(*pair, comparison) for pair in documents) and same_outcome(step, comparison):
        return comparison.names
    return None


def same_text(theirs, mine, comparison):
    """The same JSON text, but for numbers."""
    if theirs is None or mine is None or theirs == mine:
        return theirs is mine or theirs == mine
    if plain(theirs) == mine:
        return comparison.named("doubles: e+20 for e20", True)
    return comparison.same(parse(theirs), parse(mine))


def plain(text):
    """With exponents as ours are written."""
    return EXPONENT.sub(lambda match: match[1] or match[2] + b"+" + match[3], text)


def same_outcome(step, comparison):
    theirs, mine = step.theirs, step.mine
    if isinstance(theirs, Error) and isinstance(mine, Error):
        return True
    if type(theirs) is type(mine) and same_reply(step.name, theirs, mine, comparison):
        return True
    if not step.descends:
        return False
    single = step.is_legacy and len(step.paths) == 1
    return another_match(step, comparison) if single else other_order(step, comparison)


def same_reply(name, theirs, mine, comparison):
    """Two replies, as far as the command says what they are."""
    if type(theirs) is type(mine) and theirs == mine:
        return True
    if isinstance(theirs, list) and isinstance(mine, list):
        return len(theirs) == len(mine) and all(same_reply(name, *pair, comparison) for pair in zip(theirs, mine))
    if type(theirs) is not bytes or type(mine) is not bytes:
        return False
    if name == "RESP":
        return same_number(theirs, mine, comparison)
    return name in TEXT and (same_text(theirs, mine, comparison) or several_paths(theirs, mine, comparison))


def same_number(theirs, mine, comparison):
    """JSON.RESP gives doubles as strings, and integers that Redis has none for."""
    try:
        theirs, mine = float(theirs), float(mine)
    except ValueError:
        return False
    return comparison.named("JSON.RESP: numbers exactly", theirs == mine)


def several_paths(theirs, mine, comparison):
    """JSON.GET keeps the order of its paths; theirs is a hash map's."""
    theirs, mine = parse(theirs), parse(mine)
    if not isinstance(theirs, dict) or not isinstance(mine, dict) or sorted(theirs) != sorted(mine):
        return False
    same = all(comparison.same(theirs[path], mine[path]) for path in theirs)
    return comparison.named("JSON.GET: several paths in their order", same)


def other_order(step, comparison):
    """The matches of `..` in another order, each with the same answer."""
    theirs, mine = step.theirs, step.mine
    if isinstance(theirs, Error) or isinstance(mine, Error) or theirs is None or mine is None:
        return False
    if step.name == "MGET":
        pairs = [(one and parse(one), other and parse(other)) for one, other in zip(theirs, mine)]
    elif step.name in TEXT and isinstance(theirs, bytes):
        theirs, mine = parse(theirs), parse(mine)
        is_map = isinstance(theirs, dict) and isinstance(mine, dict) and sorted(theirs) == sorted(mine)
        if is_map and step.is_legacy:
            return comparison.named(ORDER, all(same_match(step, path, theirs, mine, comparison) for path in theirs))
        pairs = [(theirs[path], mine[path]) for path in theirs] if is_map else [(theirs, mine)]
    else:
        pairs = [(theirs, mine)]
    same = all(comparison.same(*pair) or in_any_order(step, *pair, comparison) for pair in pairs)
    return comparison.named(ORDER, same)


def in_any_order(step, theirs, mine, comparison):
    def same(*pair):
        return same_reply(step.name, *pair, comparison) or comparison.same(*pair)

    return isinstance(theirs, list) and isinstance(mine, list) and comparison.same_in_any_order(theirs, mine, same)


def same_match(step, path, theirs, mine, comparison):
    """One of several legacy paths of JSON.GET: both have a match of it."""
    if comparison.same(theirs[path], mine[path]):
        return True
    answers = step.asks(["JSON.GET", step.command[1], as_jsonpath(path)])[0]
    found = [any(comparison.same(answer, one[path]) for answer in parse(answers)) for one in (theirs, mine)]
    return all(found)


def another_match(step, comparison):
    """A legacy path's answer is one match's: ours and theirs must be answers of the `$` path."""
    answers = step.answers_of_all()
    if step.name == "MGET" and isinstance(step.mine, list) and isinstance(answers, list):
        rows = zip(answers, step.theirs, step.mine)
    else:
        rows = [(answers, step.theirs, step.mine)]
    return comparison.named(ORDER, all(row[1] == row[2] or is_one_of(step, *row, comparison) for row in rows))


def is_one_of(step, answers, theirs, mine, comparison):
    if step.name in TEXT and type(answers) is bytes:
        answers = parse(answers)
    if not isinstance(answers, list):
        return False
    return all(any(is_answer(step, reply, answer, comparison) for answer in answers) for reply in (theirs, mine))


def is_answer(step, reply, answer, comparison):
    """Whether a legacy reply is that answer; an error is the one to a match of the wrong type."""
    if isinstance(reply, Error):
        return answer is None
    if step.name in TEXT and isinstance(reply, bytes) and not isinstance(answer, bytes):
        return comparison.same(answer, parse(reply))
    if step.name == "TOGGLE":
        return TOGGLED.get(reply) == answer
    return same_reply(step.name, answer, reply, comparison)
