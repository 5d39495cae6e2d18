"""The ways in which a client can have a command executed."""


class Batched:
    """A client whose commands are each sent in a batch of one."""

    # What is the client's own, and no command.
    NO_COMMANDS = {"close", "from_env", "json", "multi", "pipeline", "search"}

    def __init__(self, redis, kind):
        self._redis = redis
        self._kind = kind

    def __getattr__(self, name):
        if name in self.NO_COMMANDS:
            return getattr(self._redis, name)

        def call(*args, **kwargs):
            return _executed(getattr(getattr(self._redis, self._kind)(), name)(*args, **kwargs))

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

    def __init__(self, redis):
        self._redis = redis
        self.called = set()

    def __getattr__(self, name):
        self.called.add(name)
        return getattr(self._redis, name)


WAYS = {
    "by itself": lambda redis: redis,
    "in a pipeline": lambda redis: Batched(redis, "pipeline"),
    "in a transaction": lambda redis: Batched(redis, "multi"),
}
