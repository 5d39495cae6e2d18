"""Where we differ from RedisJSON on purpose, beside numbers and the order of `..`
(`replies`): each difference with its reason, and the narrowest test of it that
there is. Anything else is a mismatch.
"""

import re

from .cases import EXTRA, TWO_VALUES
from .replies import WIDE, compared
from .server import Error
from .values import Comparison, has_null_member, has_number, parse, without_nulls

LEGACY = "paths: legacy names end at . and [ only"
# What RedisJSON's grammar of paths lacks, and RFC 9535 or its own documentation has.
UNREAD = {
    "paths: names beyond ASCII without quotes": r"[^\x00-\x7f]",
    "paths: steps of slices that are 0 or negative": r":(0|-\d+)\]",
    "paths: `!` in filters": r"!(?!=)",
    "paths: escapes in strings": r"\\",
    "paths: numbers with an exponent in filters": r"\d[eE][-+]?\d",
    "paths: strings with quotes in them": r"'",
    LEGACY: r"^[^$].*[^\w*'\"-]$",
}
# What its grammar takes, and RFC 9535 and ours do not.
REFUSED = {
    "paths: -0 and leading zeros are refused": r"[\[:, ](-0|0\d)",
    "paths: trailing white space is refused": r"\s$",
    "paths: a filter is read to its end": r"\[\?",
}
# Where it follows a path to other values than RFC 9535 does.
BEFORE_START = "paths: a negative index before an array's start matches nothing"
FOLLOWED = {
    BEFORE_START: r"\[[^\]?'\"]*-\d",
    "paths: escapes in names are read": r"\\",
    "paths: filters are RFC 9535's": r"\?",
    LEGACY: r"^[^$].*\s$",
}
WRITES = ("SET", "MERGE", "MSET", "DEL", "FORGET", "CLEAR", "TOGGLE", "NUMINCRBY", "NUMMULTBY", "STRAPPEND",
          "ARRAPPEND", "ARRINSERT", "ARRPOP", "ARRTRIM")


def explained(step):
    """The names of the intended differences that a step shows; None if there are others."""
    if step.theirs == step.mine and not step.documents_differ():
        return set()
    names = compared(step)
    if names is not None:
        return names
    return next(filter(None, (names_of(rule, step) for rule in RULES)), None)


def names_of(rule, step):
    found = rule(step)
    return {found} if isinstance(found, str) else found


def memory(step):
    """What a value costs is each implementation's own."""
    theirs, mine = step.theirs, step.mine
    if step.name != "DEBUG" or not step.changed_nothing():
        return None
    same = type(theirs) is type(mine) is int or isinstance(theirs, list) and len(theirs) == len(mine)
    return "JSON.DEBUG MEMORY: other sizes" if same else None


def missing_parent(step):
    """Upstash answers a missing parent with an error; RedisJSON with null, JSON.MSET with OK.

    Of JSON.MSET also an array that an earlier triple has made shorter: RedisJSON looks at what was before.
    """
    words = [b"cannot be created"] + [b"array index out of range"] * (step.name == "MSET")
    refused = isinstance(step.mine, Error) and any(word in step.mine for word in words)
    refused = refused and step.my_documents == step.before
    quiet = step.theirs is None and step.their_documents == step.before and step.name in ("SET", "MERGE")
    loose = step.theirs == b"OK" and step.name == "MSET"
    return "a missing parent is an error" if refused and (quiet or loose) else None


def appended(step):
    """Upstash: JSON.SET "appends to an existing array". RedisJSON has JSON.ARRAPPEND for that alone."""
    theirs = isinstance(step.theirs, Error) and b"array index out of range" in step.theirs
    if not theirs or step.mine != b"OK" or step.name not in ("SET", "MERGE", "MSET"):
        return None
    at = any(re.search(r"\[ *\d+ *\]$", path) for path in step.paths.values())
    return "JSON.SET appends to an array" if at else None


def later_triples(step):
    """What comes later in JSON.MSET sees what came before; RedisJSON looks at the documents as they were."""
    keys = step.command[1::3]
    twice = step.name == "MSET" and len(set(keys)) < len(keys)
    return "JSON.MSET: what comes later sees what came before" if twice and step.mine == b"OK" else None


def cleared_twice(step):
    """What is matched twice is cleared and counted once."""
    fewer = step.name == "CLEAR" and type(step.theirs) is type(step.mine) is int and step.mine < step.theirs
    several = any(re.search(r",|\.\.", path) for path in step.paths.values())
    return "JSON.CLEAR counts each value once" if fewer and several and not step.documents_differ() else None


def lowest_index(step):
    """RedisJSON's positions wrap round at -2^63."""
    return "JSON.ARRTRIM from -2^63" if step.name == "ARRTRIM" and str(-(2**63)) in step.command else None


def merged_nulls(step):
    """RFC 7396: a patch's nulls never come into the document; RedisJSON keeps those of new members."""
    if step.name != "MERGE" or not step.theirs == step.mine == b"OK" or not has_null_member(parse(step.command[3])):
        return None
    comparison = Comparison(unordered=True)
    for theirs, mine in zip(step.their_documents, step.my_documents):
        if (theirs is None) != (mine is None):
            return None
        if mine is not None and not comparison.same(without_nulls(parse(theirs), parse(mine)), parse(mine)):
            return None
    return "JSON.MERGE strips nulls from what it creates"


def member_order(step):
    """RedisJSON puts an object's last member where one was deleted; ours keep their order."""
    if step.name not in ("DEL", "FORGET", "MERGE") or step.theirs != step.mine:
        return None
    comparison = Comparison(unordered=True)
    differing = [pair for pair in zip(step.their_documents, step.my_documents) if pair[0] != pair[1]]
    same = all(None not in pair and comparison.same(*map(parse, pair)) for pair in differing)
    return "members keep their order when one is deleted" if same else None


def types(step):
    """u64 above i64::MAX are integers: they are kept exactly."""
    if step.name != "TYPE" or type(step.mine) is not type(step.theirs) or step.mine is None:
        return None
    pairs = list(zip(step.theirs, step.mine)) if isinstance(step.mine, list) else [(step.theirs, step.mine)]
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    large = any(WIDE.search(text or b"") for text in step.before)
    same = large and all(pair == (b"number", b"integer") for pair in differing)
    return "JSON.TYPE: integers end at 2^64" if same else None


def found_by_value(step):
    """JSON.ARRINDEX compares numbers by value (RFC 8259 has one kind); RedisJSON tells 1 from 1.0."""
    if step.name != "ARRINDEX" or isinstance(step.mine, Error) or not has_number(parse(step.command[3])):
        return None
    theirs, mine = ([reply] if isinstance(reply, int) else reply for reply in (step.theirs, step.mine))
    if not isinstance(theirs, list) or len(theirs) != len(mine):
        return None
    differing = [pair for pair in zip(theirs, mine) if pair[0] != pair[1]]
    earlier = all(None not in pair and 0 <= pair[1] and (pair[0] < 0 or pair[1] < pair[0]) for pair in differing)
    return "JSON.ARRINDEX: numbers by value" if earlier else None


def conditions(step):
    """NX with a path that matches is answered with null, whatever the path; RedisJSON wants a static one."""
    theirs = isinstance(step.theirs, Error) and b"wrong static path" in step.theirs
    mine = step.mine is None and step.command[-1] == "NX"
    return "JSON.SET NX: null for any path that matches" if theirs and mine else None


def strict_arguments(step):
    """Wrong arguments are errors; RedisJSON takes those that it does not come to use, and leaves out what is too much:
    further arguments, and of some texts what follows the first value."""
    if not isinstance(step.mine, Error) or isinstance(step.theirs, Error) or step.my_documents != step.before:
        return None
    words = (b"is not a number", b"expected string", b"not an integer", b"invalid JSON:", b"wrong number of")
    too_much = EXTRA in step.command or TWO_VALUES in step.command
    refused = any(word in step.mine for word in words) and (too_much or step.changed_nothing())
    return "wrong arguments are always errors" if refused else None


def wrong_paths(step):
    """RedisJSON answers null for a path that it cannot read: for a missing key, in JSON.MGET, and in some commands
    for a legacy path; JSON.GET leaves one of several paths out."""
    refused = isinstance(step.mine, Error) and b"invalid JSON path" in step.mine and step.changed_nothing()
    reads = step.name in ("GET", "MGET", "TYPE", "OBJKEYS", "OBJLEN", "RESP", "DEBUG")
    quiet = step.theirs in (None, 0, []) or step.name == "MGET" and not any(step.theirs) or len(step.paths) > 1
    if not refused or isinstance(step.theirs, Error) or not quiet or not (reads or step.key_is_missing()):
        return None
    return "wrong paths are always errors"


def all_or_nothing(step):
    """A command that fails changes nothing; RedisJSON's may have changed some of its matches."""
    failed = isinstance(step.theirs, Error) and isinstance(step.mine, Error) and step.my_documents == step.before
    return "an error changes nothing" if failed else None


def index_of_pop(step):
    """RedisJSON takes an index that is none for -1."""
    wrong = step.name == "ARRPOP" and isinstance(step.mine, Error) and b"not an integer" in step.mine
    return "JSON.ARRPOP: a wrong index is an error" if wrong and not isinstance(step.theirs, Error) else None


def unread(step):
    """Paths that RedisJSON calls none: see UNREAD."""
    paths = step.unread(0, b"Error occurred on position")
    return named(paths, UNREAD)


def refused(step):
    """Paths that we call none: see REFUSED."""
    paths = step.unread(1, b"invalid JSON path") if isinstance(step.mine, Error) else ()
    return named(paths, REFUSED)


def followed(step):
    """Paths that lead elsewhere: see FOLLOWED."""
    return named(step.differing_paths(), FOLLOWED)


def named(paths, rows):
    """The names of the rows that account for the paths, if there are any paths and all are accounted for."""
    names = {next((name for name, pattern in rows.items() if re.search(pattern, path)), None) for path in paths}
    return None if None in names else names


def negative_parent(step):
    """As FOLLOWED has it, where the path's end is to be created."""
    theirs = step.theirs == b"OK" and isinstance(step.mine, Error) and b"cannot be created" in step.mine
    pattern = FOLLOWED[BEFORE_START]
    return BEFORE_START if theirs and any(re.search(pattern, path) for path in step.paths.values()) else None


def descending_writes(step):
    """What lies deeper is changed first, so that nothing is lost; RedisJSON changes what holds it first."""
    descends = step.name in WRITES and step.descends and answers_each(step)
    return "changes of `..` begin with what lies deepest" if descends else None


def filtered_writes(step):
    """RedisJSON loses count of where it is in filters and changes other values than it reads
    (`followed` has seen that both read the same). Ours answers for each value that it reads."""
    filters = step.name in WRITES and any("?" in path for path in step.paths.values())
    return "changes where a filter matches" if filters and answers_each(step) else None


def answers_each(step):
    """Whether our reply, if it is a list, has an answer for each match of the path."""
    mine = step.mine
    if step.name.startswith("NUM") and type(mine) is bytes:
        mine = parse(mine)
    if not isinstance(mine, list):
        return True
    (path,) = step.paths.values()
    return len(mine) == len(parse(step.asks(["JSON.GET", step.command[1], path])[1]))


def escaped(step):
    """RedisJSON reads a name with an escape, but writes to the name with its backslash."""
    return "paths: escapes in names are read" if any("\\" in path for path in step.paths.values()) else None


def deleted_twice(step):
    """RedisJSON sorts indices as text, and takes what is matched twice for within itself."""
    several = any(re.search(r",|\.\.|\*|:", path) for path in step.paths.values())
    return "JSON.DEL of several elements" if step.name in ("DEL", "FORGET") and several else None


# In their order: `followed` asks whether the paths account for it before what
# comes after it may blame the command.
RULES = [memory, missing_parent, appended, later_triples, merged_nulls, member_order, types, found_by_value,
         conditions, index_of_pop, strict_arguments, all_or_nothing, wrong_paths, unread, refused, negative_parent,
         followed, filtered_writes, escaped, cleared_twice, lowest_index, descending_writes, deleted_twice]
