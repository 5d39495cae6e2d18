"""Load from the outside: wrk, redis-benchmark. One run is one sample."""

import bisect
import csv
import itertools
import json
import os
import subprocess

import machine
from gateway import Wrong
from streams import Streams

# One connection cannot be shared by two threads, and half of the cores are the servers'.
THREADS = max(1, machine.CORES // 2)

# Seconds beyond a run's own that wrk is waited for.
GRACE = 60

# Replies of a run may differ from the one that was looked at by this much of their length, on average.
TOLERANCE = 0.005

# Of a reply's time.
PERCENTILES = {"p50": 50, "p99": 99, "p99.9": 99.9}


def run(gateway, workload, seconds, load):
    """A sample of the gateway under this workload. The content is checked before and after."""
    length = workload.check(gateway.ask(workload.request))
    with Streams(gateway, workload.streams) as streams:
        sample = measured(gateway, seconds, load, lambda: wrk(gateway, workload, seconds))
        streams.check()
    workload.check(gateway.ask(workload.request))
    judge(sample, length, workload.connections)
    sample["rate"] = sample["requests"] / sample["seconds"]
    return sample


def percentiles(parts):
    """Those of all the parts' requests, in µs, up to the next step; none if it is not known how long they took."""
    steps = []
    for part in parts:
        before = 0
        for percent, latency in part.get("latencies", []):
            steps.append((latency, (percent - before) / 100 * part["requests"]))
            before = percent
    latencies, counts = zip(*sorted(steps), strict=True) if steps else ((), ())
    passed = list(itertools.accumulate(counts))
    # Less than one request: what sums are off by.
    reached = {name: percent / 100 * passed[-1] - 0.5 for name, percent in PERCENTILES.items() if passed}
    return {name: latencies[bisect.bisect_left(passed, count)] for name, count in reached.items()}


def joined(parts):
    """One sample of its parts, of all their requests. What each part was is kept, but for all its latencies."""
    requests = sum(part["requests"] for part in parts)
    whole = {
        "requests": requests,
        "rate": requests / sum(part["requests"] / part["rate"] for part in parts),
        "cpu": {
            name: sum(part["cpu"][name] * part["requests"] for part in parts) / requests for name in parts[0]["cpu"]
        },
        "peak": {name: max(part["peak"][name] for part in parts) for name in parts[0]["peak"]},
    }
    told = [{**part, **percentiles([part])} for part in parts]
    for part in told:
        part.pop("latencies", None)
    return {**whole, **percentiles(parts), "parts": told}


def measured(gateway, seconds, load, drive):
    """What `drive` returns, with the CPU seconds per million requests and the peak memory of each process."""
    pids = gateway.pids
    for pid in pids.values():
        machine.forget_peak(pid)
    end = load.watch()
    before = {name: machine.cpu_seconds(pid) for name, pid in pids.items()}
    client = sum(os.times()[2:4])
    sample = drive()
    spent = {name: machine.cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    spent["client"] = sum(os.times()[2:4]) - client
    end()
    millions = sample["requests"] / 1e6
    sample["cpu"] = {name: time / millions for name, time in spent.items()} if millions else {}
    sample["peak"] = {name: machine.memory(pid, "VmHWM") for name, pid in pids.items()}
    return sample


def judge(sample, length, connections):
    """Each reply of a run has the length of the one that was looked at; some were on their way at the end."""
    requests, got = sample["requests"], sample["bytes"]
    if sample["errors"] or not requests:
        raise Wrong(f"{sample['errors']} errors, {requests} replies")
    least, most = requests * length * (1 - TOLERANCE), (requests * (1 + TOLERANCE) + connections) * length
    if not least <= got <= most:
        raise Wrong(f"replies of {got / requests:.0f} bytes on average instead of {length}")


def wrk(gateway, workload, seconds):
    request = workload.request
    headers = "\n".join(f"{name}: {value}" for name, value in gateway.headers(request))
    said = {"BENCH_METHOD": request.method, "BENCH_HEADERS": headers}
    if request.body:
        said["BENCH_BODY"] = request.body.decode()
    threads = min(THREADS, workload.connections)
    options = ["-t", str(threads), "-c", str(workload.connections), "-d", f"{seconds}s", "--timeout", "10s"]
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load.lua")
    command = ["wrk", *options, "-s", script, gateway.url + request.path]
    done = subprocess.run(command, env={**os.environ, **said}, capture_output=True, text=True, timeout=seconds + GRACE)
    if done.returncode != 0:
        raise Wrong(f"wrk: {done.stdout}{done.stderr}".strip())
    return json.loads(done.stdout.splitlines()[-1])


def redis_benchmark(gateway, port, requests, load):
    """GETs of W1's key, 50 to a pipeline, straight to Redis. A request is one command here."""
    command = ["redis-benchmark", "-p", str(port), "-P", "50", "-n", str(requests), "--csv", "GET", "bench:small"]

    def drive():
        done = subprocess.run(command, capture_output=True, text=True, timeout=GRACE * 5)
        rows = list(csv.DictReader(done.stdout.splitlines()))
        if done.returncode != 0 or not rows:
            raise Wrong(f"redis-benchmark: {done.stdout}{done.stderr}".strip())
        return {"requests": requests, "rate": float(rows[0]["rps"])}

    return measured(gateway, 0, load, drive)
