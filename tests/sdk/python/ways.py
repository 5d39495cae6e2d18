"""The ways in which a client can have a command executed."""

from operator import attrgetter

from pkv import NAMESPACES


class Batched:
    """A client whose commands are each sent in a batch of one."""

    # What is the client's own, and no command.
    NO_COMMANDS = {"close", "from_env", "multi", "pipeline", "search"}

    def __init__(self, redis, kind, prefix=""):
        self._redis = redis
        self._kind = kind
        self._prefix = prefix

    def __getattr__(self, name):
        if name in NAMESPACES:
            return Batched(self._redis, self._kind, f"{name}.")
        if name in self.NO_COMMANDS:
            return getattr(self._redis, name)
        method = attrgetter(self._prefix + name)

        def call(*args, **kwargs):
            return _executed(method(getattr(self._redis, self._kind)())(*args, **kwargs))

        return call


def _executed(batch):
    """The result of a batch's only command."""
    if hasattr(batch, "exec"):
        (result,) = batch.exec()
        return result
    return _Chain(batch)


class _Chain:
    """A BITFIELD under construction, whose `execute` only puts it into the batch."""

    def __init__(self, chain):
        self._chain = chain

    def __getattr__(self, name):
        return lambda *args: _executed(getattr(self._chain, name)(*args))


class Noting:
    """The client, except that it notes which of its methods are called."""

    def __init__(self, redis, called=None, prefix=""):
        self._redis = redis
        self._prefix = prefix
        self.called = set() if called is None else called

    def __getattr__(self, name):
        if name in NAMESPACES:
            return Noting(getattr(self._redis, name), self.called, f"{name}.")
        self.called.add(self._prefix + name)
        return getattr(self._redis, name)


WAYS = {
    "by itself": lambda redis: redis,
    "in a pipeline": lambda redis: Batched(redis, "pipeline"),
    "in a transaction": lambda redis: Batched(redis, "multi"),
}
