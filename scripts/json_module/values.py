"""Values in replies and documents, side by side: are they the same, and if not, is
it only by what a difference in numbers allows?
"""

import json
import math

# Integers that RedisJSON keeps are 64 bits wide and wrap round.
WRAP = 2**64


class Double(float):
    """A number that is written with a fraction or an exponent."""


def parse(text):
    """JSON text as a value; integers exactly, members in their order."""
    return json.loads(text, parse_float=Double, parse_int=whole)


def whole(digits):
    return Double("-0.0") if digits == "-0" else int(digits)


class Comparison:
    """Compares, and collects the names of the differences that it has met. With
    `unordered`, members may have any order; with `wide`, integers have been
    calculated with that are no i64; `ulps` is by how much doubles may differ that
    RedisJSON reads inexactly, and has calculated with."""

    def __init__(self, unordered=False, wide=False, ulps=1):
        self.unordered = unordered
        self.wide = wide
        self.ulps = ulps
        self.names = set()

    def same(self, theirs, mine):
        """Whether two values are the same but for what may differ in numbers."""
        if isinstance(theirs, dict) and isinstance(mine, dict):
            names = sorted(theirs) == sorted(mine) if self.unordered else list(theirs) == list(mine)
            return names and all(self.same(theirs[name], mine[name]) for name in theirs)
        if isinstance(theirs, list) and isinstance(mine, list):
            return len(theirs) == len(mine) and all(map(self.same, theirs, mine))
        if type(theirs) is type(mine) and repr(theirs) == repr(mine):
            return True
        if is_number(theirs) and is_number(mine):
            return self.same_number(theirs, mine)
        return False

    def same_number(self, theirs, mine):
        if isinstance(theirs, Double) and isinstance(mine, Double):
            return self.named("doubles: read and written exactly", abs(theirs - mine) <= self.ulps * math.ulp(mine))
        if isinstance(theirs, Double) and type(mine) is int:
            return self.named("integers: exact to 2^64", (self.wide or abs(mine) >= 2**53) and theirs == float(mine))
        if type(theirs) is int and abs(mine) >= 2**63:
            # Theirs has wrapped round; ours is exact up to 2^64 and a double beyond.
            turns = round((int(mine) - theirs) / WRAP)
            exact = theirs + turns * WRAP
            right = exact == mine if type(mine) is int else float(exact) == mine
            return self.named("integers: no wrapping round", turns != 0 and right)
        return False

    def named(self, name, holds):
        if holds:
            self.names.add(name)
        return holds

    def same_in_any_order(self, theirs, mine, same=None):
        """Whether two lists hold the same, pair by pair."""
        left = list(theirs)
        for value in mine:
            at = next((at for at, one in enumerate(left) if (same or self.same)(one, value)), None)
            if at is None:
                return False
            del left[at]
        return not left


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def without_nulls(value, like):
    """The value without those members that are null and that `like` does not have."""
    if isinstance(value, dict) and isinstance(like, dict):
        kept = [name for name in value if value[name] is not None or name in like]
        return {name: without_nulls(value[name], like.get(name)) for name in kept}
    if isinstance(value, list) and isinstance(like, list) and len(value) == len(like):
        return [without_nulls(one, other) for one, other in zip(value, like)]
    return value


def has_null_member(value):
    if isinstance(value, dict):
        return any(member is None or has_null_member(member) for member in value.values())
    return False


def has_number(value):
    if isinstance(value, (dict, list)):
        return any(map(has_number, value.values() if isinstance(value, dict) else value))
    return is_number(value)
