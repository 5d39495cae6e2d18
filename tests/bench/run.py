"""One run: every workload on every server, interleaved, and what came of it."""

import time

import load
import machine
from gateway import Wrong
from goals import spread
from workloads import BARE, GET, STRAIGHT, WORKLOADS, post

# Between two measurements, in seconds: the connections of the one before are gone.
PAUSE = 0.2

# What a machine can do differs from one ten seconds to the next, above all if it is a virtual one. So a repetition
# goes round all cells several times, and each has its time in parts.
ROUNDS = 4

# What is not asked of whom: under load its connections stay in the middle of a transaction, and from then on
# answer QUEUED to everybody.
LEFT_OUT = {("SRH", "W5")}

# Commands of redis-benchmark's first, short measurement, which tells how many fill the time.
FIRST = 300_000


class Cell:
    """A workload on a server: a sample for each repetition, or why there is none.

    `parts` are those of the repetition that runs.
    """

    def __init__(self, gateway, workload):
        self.gateway = gateway
        self.workload = workload
        self.samples = []
        self.parts = []
        self.failure = None

    def end_repetition(self):
        if self.failure is None:
            self.samples.append(load.joined(self.parts))
        self.parts = []

    def fail(self, error):
        self.failure, self.samples = str(error), []

    @property
    def server(self):
        return self.gateway.name

    def measure(self, seconds, watched):
        return load.run(self.gateway, self.workload, seconds, watched)

    def spread(self, of):
        """Median, least and most; None if there is none."""
        return spread([of(sample) for sample in self.samples])


class Straight(Cell):
    """redis-benchmark against pkv's own Redis, without pkv in between."""

    server = "redis"

    def __init__(self, pkv):
        super().__init__(pkv.gateway, STRAIGHT)
        self.port = pkv.redis_port
        self.commands = FIRST

    def measure(self, seconds, watched):
        check = self.workload.check
        check(self.gateway.ask(post("/", GET)))
        sample = load.redis_benchmark(self.gateway, self.port, self.commands, watched)
        check(self.gateway.ask(post("/", GET)))
        self.commands = int(sample["rate"] * max(1, seconds))
        return sample


class Run:
    def __init__(self, pkv, bare, peers, seconds, repetitions):
        self.pkv = pkv
        self.peers = peers
        self.seconds = seconds
        self.repetitions = repetitions
        self.rounds = min(ROUNDS, seconds)
        self.figures = {}
        self.load = machine.Load([*pkv.gateway.pids.values(), bare.pid])
        self.cells = {}
        # The same workload on one server after the other, so that they find the machine in the same state.
        for workload in WORKLOADS:
            alike = [(bare.gateway, same) for same in BARE if same.name == workload.name]
            asked = [(peer, workload) for peer in peers if (peer.name, workload.name) not in LEFT_OUT]
            for gateway, same in [(pkv.gateway, workload), *alike, *asked]:
                self.cells[gateway.name, workload.name] = Cell(gateway, same)
            if workload.name == "W3":
                self.cells[Straight.server, STRAIGHT.name] = Straight(pkv)

    def samples(self, server, workload):
        cell = self.cells.get((server, workload))
        return cell.samples if cell else []

    def measure(self, tell):
        """All cells in turn, `repetitions` times after a shorter warm-up; `tell` hears what comes next."""
        self.measure_round(max(1, self.seconds // ROUNDS), "warm-up", tell)
        for cell in self.cells.values():
            cell.parts.clear()
        for repetition in range(self.repetitions):
            for turn in range(self.rounds):
                at = f"repetition {repetition + 1}/{self.repetitions}, round {turn + 1}/{self.rounds}"
                self.measure_round(self.seconds // self.rounds, at, tell)
            for cell in self.cells.values():
                cell.end_repetition()
        # What is freed with the last connections is freed by now.
        time.sleep(1)
        self.figures["rss after"] = [machine.memory(self.pkv.pid)]

    def measure_round(self, seconds, at, tell):
        """A part of each cell that has not failed; `tell` hears which one comes next, and when that is (`at`)."""
        for cell in self.cells.values():
            if cell.failure is None:
                tell(f"{at}: {cell.workload.name} {cell.server}")
                # A peer's work would count as that of others.
                watched = machine.Load([]) if cell.gateway in self.peers else self.load
                try:
                    cell.parts.append(cell.measure(seconds, watched))
                except Wrong as error:
                    cell.fail(error)
                time.sleep(PAUSE)
