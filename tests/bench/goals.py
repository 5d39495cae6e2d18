"""What a run must show, and what it has shown."""

import statistics
from dataclasses import dataclass

MS, KB, MB = 1e-3, 1e3, 1e6


@dataclass(frozen=True)
class Goal:
    """`measured` is a (median, least, most), or None with the reason in `missing`."""

    text: str
    limit: float
    is_most: bool
    measured: tuple | None
    unit: str = ""
    scale: float = 1
    missing: str = ""

    def is_met(self):
        if self.measured is None:
            return None
        median = self.measured[0]
        return median <= self.limit if self.is_most else median >= self.limit

    def wanted(self):
        return f"{'≤' if self.is_most else '≥'} {self.limit / self.scale:g}{self.unit}"

    def shown(self):
        if self.measured is None:
            return self.missing
        median, least, most = (f"{value / self.scale:.3g}" for value in self.measured)
        spread = f" ({least}–{most})" if least != most else ""
        return f"{median}{self.unit}{spread}"


def spread(values):
    """Median, least and most; None of nothing."""
    return (statistics.median(values), min(values), max(values)) if values else None


def ratios(run, dividend, divisor, of):
    """Of each repetition by itself: what slows the machine down for a while slows down both."""
    pairs = zip(run.samples(*dividend), run.samples(*divisor), strict=False)
    return spread([of(one) / of(other) for one, other in pairs])


def rate(sample):
    return sample["rate"]


def p99(sample):
    return sample["p99"]


def of_server(sample):
    """CPU time of pkv alone, or of the bare server."""
    return sample["cpu"].get("pkv", sample["cpu"].get("bare"))


def goals(run):
    def share(text, least, dividend, divisor, times=1):
        measured = ratios(run, dividend, divisor, rate)
        measured = measured and tuple(times * value for value in measured)
        return Goal(text, least, False, measured, missing="not measured")

    def at_most(text, most, divisor, of):
        return Goal(text, most, True, ratios(run, w1, divisor, of), " ×", missing="not measured")

    def figure(text, most, name, unit, scale):
        return Goal(text, most, True, spread(run.figures.get(name, [])), unit, scale, "not measured")

    w1, bare = ("pkv", "W1"), ("bare", "W1")
    return [
        share("W1, 64 connections, of the bare server", 0.65, w1, bare),
        share("W3's commands, of redis-benchmark -P 50", 0.50, ("pkv", "W3"), ("redis", "P50"), 50),
        share("W7, of W1", 0.90, ("pkv", "W7"), w1),
        share("W4, of the bare server's same bytes", 0.50, ("pkv", "W4"), ("bare", "W4")),
        share("W5, of a pipeline of the same 10", 0.60, ("pkv", "W5"), ("pkv", "P10")),
        at_most("p99 of W1, by the bare server's", 2, bare, p99),
        share("W1 with 1000 connections, of W1 with 64", 0.85, ("pkv", "W1 c1000"), w1),
        at_most("CPU of pkv per W1, by the bare server's", 2, bare, of_server),
        figure("RSS of pkv, idle", 10 * MB, "rss idle", " MB", MB),
        figure("RSS of pkv, after W1–W10", 60 * MB, "rss after", " MB", MB),
        figure("RSS of pkv, per idle stream", 15 * KB, "rss per stream", " KB", KB),
        figure("start to first 200 on /health", 30 * MS, "start to health", " ms", MS),
        figure("start to first answered command", 200 * MS, "start to answer", " ms", MS),
        against(run, "SRH", 8),
        against(run, "Webdis", 1.2),
    ]


def against(run, name, least):
    """Single GETs: W1, or W6 where the peer takes no JSON bodies."""
    measured, reason = None, "open: no peer of this run"
    if any(peer.name == name for peer in run.peers):
        workload = "W1" if run.samples(name, "W1") else "W6"
        measured, reason = ratios(run, ("pkv", workload), (name, workload), rate), "not measured"
    return Goal(f"single GET, by {name}'s", least, False, measured, " ×", missing=reason)
