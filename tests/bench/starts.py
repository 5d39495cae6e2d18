"""What a fresh pkv takes: time until it answers, memory when it is idle, memory for each stream."""

import time

import machine
from servers import Pkv
from streams import Streams

STREAMS = 1000

# Seconds for a start's own work to be over: the allocator has given back what it will.
SETTLE = 2


def measure(start, times, figures):
    """Adds to the figures, from `times` starts with an empty data directory; `start` makes a Pkv."""
    for _ in range(times):
        pkv = start()
        try:
            add(figures, "start to health", pkv.health)
            add(figures, "start to answer", pkv.answer)
        finally:
            pkv.stop()
    for _ in range(3):
        pkv = start()
        try:
            measure_memory(pkv, figures)
        finally:
            pkv.stop()


def measure_memory(pkv: Pkv, figures):
    time.sleep(SETTLE)
    idle = machine.memory(pkv.pid)
    add(figures, "rss idle", idle)
    with Streams(pkv.gateway, STREAMS) as streams:
        add(figures, "rss per stream", (machine.memory(pkv.pid) - idle) / STREAMS)
        streams.check()


def add(figures, name, value):
    figures.setdefault(name, []).append(value)
