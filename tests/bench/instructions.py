"""Instructions that pkv takes for a request, counted by callgrind: see `scripts/instructions`.

Counted from one moment to another in the middle of a run: what a start takes depends on how often pkv looks
whether its Redis is there. Requests come one behind the other over one connection, and client, pkv and
Redis share one core, for which pkv has one worker: what is done at the same time is not the same twice.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile

from gateway import read_reply
from servers import Pkv
from workloads import ROWS, WORKLOADS, fill

HERE = os.path.dirname(os.path.abspath(__file__))
COMMITTED = os.path.join(HERE, "instructions.json")

# Workload → requests that are counted; together they take half a minute.
REQUESTS = {"W1": 2000, "W3": 400, "W9": 200}

# Before that, so that connections are open and buffers have grown.
FIRST = 50

# More than this above what is committed fails; the same build differs by some 0.1 %.
BOUND = 0.03


def per_request(workload):
    directory = tempfile.mkdtemp(prefix="instructions-", dir=os.environ["BENCH_DIR"])
    out = os.path.join(directory, "callgrind")
    wrapper = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"]
    program, server = os.environ["PKV_BIN"], os.environ["PKV_REDIS_SERVER"]
    pkv = Pkv(program, server, directory, wrapper, {"PKV_JSON_MODULE": "off"})
    try:
        fill(pkv.gateway, [row for row in ROWS if row[1] in ("bench:small", "bench:hash")])
        with pkv.gateway.connect() as connection, connection.makefile("rb") as file:
            ask(pkv.gateway, connection, file, workload, FIRST)
            control(pkv, "--zero")
            ask(pkv.gateway, connection, file, workload, REQUESTS[workload.name])
            control(pkv, "--dump")
        return round(total(f"{out}.1") / REQUESTS[workload.name])
    finally:
        pkv.stop()
        shutil.rmtree(directory, ignore_errors=True)


def control(pkv, order):
    subprocess.run(["callgrind_control", order, str(pkv.pid)], capture_output=True, check=True, timeout=60)


def ask(gateway, connection, file, workload, requests):
    for _ in range(requests):
        gateway.send(connection, workload.request)
        workload.check(read_reply(file))


def total(path):
    with open(path, encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(("totals:", "summary:")))


def build():
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{rustc}, {platform.machine()}, profile release"


def compare(committed, counted):
    """Prints the figures; whether none has grown too much."""
    is_well = True
    for name, instructions in counted.items():
        before = committed["instructions per request"][name]
        change = instructions / before - 1
        is_well = is_well and change <= BOUND
        verdict = "too many" if change > BOUND else "ok"
        print(f"{name}  {instructions:>9,}  committed {before:>9,}  {change:+.1%}  {verdict}")
    if committed["build"] != build():
        print(f"The committed figures are those of {committed['build']}; this is {build()}.")
    return is_well


def main():
    parser = argparse.ArgumentParser(prog="scripts/instructions", description="Instructions per request.")
    parser.add_argument("--record", action="store_true", help="commit to what is counted now")
    arguments = parser.parse_args()
    # All that is started inherits it.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    counted = {one.name: per_request(one) for one in WORKLOADS if one.name in REQUESTS}
    if arguments.record:
        with open(COMMITTED, "w", encoding="utf-8") as file:
            json.dump({"build": build(), "instructions per request": counted}, file, indent=2)
            file.write("\n")
        print(counted)
        return
    with open(COMMITTED, encoding="utf-8") as file:
        committed = json.load(file)
    if not compare(committed, counted):
        sys.exit(f"instructions: more than {BOUND:.0%} above {os.path.relpath(COMMITTED)}")


if __name__ == "__main__":
    main()
