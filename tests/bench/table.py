"""What a run has measured, as text."""

# Of all cores' time. Above it what is measured is also what others do.
OTHERS = 0.05


def row(cells, widths):
    left = f"{cells[0]:<{widths[0]}}"
    return " ".join([left, *(f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=True))]).rstrip()


def lines_of(head, rows):
    widths = [max(len(line[at]) for line in [head, *rows]) for at in range(len(head))]
    return [row(line, widths) for line in [head, *rows]]


def number(value):
    """Three figures that count, no exponent."""
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.3g}"


def with_spread(spread):
    if spread is None:
        return "–"
    median, least, most = map(number, spread)
    return f"{median} ({least}–{most})"


def median(cell, of):
    spread = cell.spread(of)
    return "–" if spread is None else number(spread[0])


def cells_table(run):
    head = ("", "conns", "server", "requests/s", "of bare", "p50 ms", "p99 ms", "p99.9 ms", "peak RSS MB")
    names = list(dict.fromkeys(name for cell in run.cells.values() for name in cell.gateway.pids))
    head += tuple(f"CPU {name}" for name in [*names, "client"])
    return lines_of(head, [cell_row(run, cell, [*names, "client"]) for cell in run.cells.values()])


def cell_row(run, cell, processes):
    label = (f"{cell.workload.name:<8} {cell.workload.text}", str(cell.workload.connections), cell.server)
    if cell.failure:
        return (*label, "not measured", *[""] * (5 + len(processes)))
    times = [
        median(cell, lambda sample, key=key: sample[key] / 1e3) if key in cell.samples[0] else "–"
        for key in ("p50", "p99", "p99.9")
    ]
    server = next(iter(cell.gateway.pids), None) if cell.server != "redis" else "redis"
    peak = median(cell, lambda sample: sample["peak"][server] / 1e6) if server else "–"
    cpu = [
        median(cell, lambda sample, name=name: sample["cpu"][name]) if name in cell.samples[0]["cpu"] else "–"
        for name in processes
    ]
    return (*label, with_spread(cell.spread(lambda sample: sample["rate"])), of_bare(run, cell), *times, peak, *cpu)


def of_bare(run, cell):
    """The share of the bare server's rate, where there is the same on it."""
    other = run.samples("bare", cell.workload.name if cell.server != "redis" else "")
    if not other or cell.server == "bare":
        return "–"
    shares = sorted(one["rate"] / same["rate"] for one, same in zip(cell.samples, other, strict=False))
    return f"{shares[len(shares) // 2]:.2f}"


def goals_table(goals, is_quiet):
    words = {True: "met", False: "missed", None: "–"}
    rows = [(g.text, g.wanted(), g.shown(), words[g.is_met()] if is_quiet else "no verdict") for g in goals]
    return lines_of(("must show", "goal", "measured (min–max)", ""), rows)
