"""Measures pkv beside what the machine allows and, if named, beside others: see `scripts/bench`."""

import argparse
import contextlib
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import time

import chart
import machine
import starts
import table
from gateway import Gateway, Request, Wrong
from goals import goals
from run import Run
from servers import Bare, Pkv
from workloads import fill, fill_by_path

# Exit codes, beside 0: every goal that was measured is met.
MISSED, NO_VERDICT = 1, 2


def options():
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures pkv, a bare server on axum, and peers, under the same workloads.",
        epilog=f"Exit code {MISSED}: a goal was missed or a reply was wrong; {NO_VERDICT}: no verdict, "
        f"because others used more than {table.OTHERS:.0%} of the machine.",
    )
    parser.add_argument("--peer", action="append", default=[], metavar="URL[,TOKEN]", help="a server of the same API")
    parser.add_argument("--plot", action="store_true", help="also draw a bar chart (SVG)")
    parser.add_argument("--quick", action="store_true", help="a run of two minutes: only to see that all works")
    return parser.parse_args()


def named_peer(argument):
    url, _, token = argument.partition(",")
    peer = Gateway(url.removeprefix("http://").rstrip("/"), url.rstrip("/"), token)
    greeting = peer.ask(Request("GET", "/"))
    if greeting.headers.get("server", "").startswith("Webdis"):
        peer.name = "Webdis"
    elif b"Serverless Redis HTTP" in greeting.body:
        peer.name = "SRH"
        # It takes no body without.
        peer.usual = (("Content-Type", "application/json"),)
    return peer


def fill_peer(peer):
    try:
        fill(peer)
    except Wrong as error:
        say(f"{peer.name} does not take all of the data: {error}")
        fill_by_path(peer)


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return ((done.stdout or done.stderr).splitlines() or ["unknown"])[0].strip()


def surroundings(program, redis_server):
    here = os.path.dirname(os.path.abspath(__file__))
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine.model(),
        "kernel": platform.release(),
        "pkv": first_line(program, "--version"),
        "commit": first_line("git", "-C", here, "describe", "--always", "--dirty"),
        "redis": first_line(redis_server, "--version"),
        "client": first_line("wrk", "--version"),
    }


def kept(run, told, shown):
    """What is written to the file: each sample, and what was made of them."""
    cells = [
        {
            "server": cell.server,
            "workload": cell.workload.name,
            "text": cell.workload.text,
            "connections": cell.workload.connections,
            "streams": cell.workload.streams,
            "samples": cell.samples,
            "not measured": cell.failure,
        }
        for cell in run.cells.values()
    ]
    verdicts = [
        {"goal": goal.text, "wanted": goal.wanted(), "measured": goal.measured, "met": goal.is_met()} for goal in shown
    ]
    return {**told, "other load": run.load.share(), "cells": cells, "figures": run.figures, "goals": verdicts}


def measured(arguments, directory):
    """A finished run."""
    program, redis_server = os.environ["PKV_BIN"], os.environ["PKV_REDIS_SERVER"]
    seconds, start_count = (1, 3) if arguments.quick else (8, 10)
    with contextlib.ExitStack() as stack:

        def start():
            return Pkv(program, redis_server, directory)

        figures = {}
        say("starts, and memory of a fresh pkv")
        starts.measure(start, start_count, figures)
        pkv, bare = start(), None
        stack.callback(pkv.stop)
        bare = Bare(os.environ["BARE_BIN"], directory)
        stack.callback(bare.stop)
        fill(pkv.gateway)
        peers = [named_peer(argument) for argument in arguments.peer]
        for peer in peers:
            fill_peer(peer)
        run = Run(pkv, bare, peers, seconds, 3)
        run.figures = figures
        run.measure(say)
    return run


def report(run, told):
    """Prints what was measured; returns the exit code."""
    is_quiet = run.load.share() <= table.OTHERS
    shown = goals(run)
    print(f"{told['date']}, {told['machine']}, Linux {told['kernel']}, {told['pkv']} ({told['commit']})")
    print(f"{told['redis']}; {told['client']}")
    print(f"{run.repetitions} × {run.seconds} s each, in rounds of {run.seconds // run.rounds} s; median (min–max)")
    print("CPU: s per million requests\n")
    print("\n".join(table.cells_table(run)), end="\n\n")
    print("\n".join(table.goals_table(shown, is_quiet)), end="\n\n")
    print(f"Others used {run.load.share():.1%} of the machine while it was measured.")
    failures = [cell for cell in run.cells.values() if cell.failure]
    for cell in failures:
        print(f"Not measured: {cell.workload.name} on {cell.server}: {cell.failure}")
    if any(cell.gateway not in run.peers for cell in failures):
        return MISSED
    if not is_quiet:
        print(f"No verdict: that is more than {table.OTHERS:.0%}. Run this on a quiet machine.")
        return NO_VERDICT
    return MISSED if any(goal.is_met() is False for goal in shown) else 0


def main():
    arguments = options()
    # So that everything that was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A thousand streams, a thousand connections.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    directory = os.environ["BENCH_DIR"]
    told = surroundings(os.environ["PKV_BIN"], os.environ["PKV_REDIS_SERVER"])
    run = measured(arguments, directory)
    code = report(run, told)
    path = os.path.join(directory, told["date"].replace(":", ""))
    with open(f"{path}.json", "w", encoding="utf-8") as file:
        json.dump(kept(run, told, goals(run)), file, indent=1, ensure_ascii=False)
    print(f"{path}.json")
    if arguments.plot:
        with open(f"{path}.svg", "w", encoding="utf-8") as file:
            file.write(chart.draw(run))
        print(f"{path}.svg")
    sys.exit(code)


main()
