"""What the bench promises of itself: no wrong reply counts, nor a figure from a busy machine."""

import contextlib
import io
import json
import os
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree
from types import SimpleNamespace
from unittest import mock

import chart
import instructions
import load
import machine
import table
from gateway import Gateway, Reply, Wrong, read_reply
from goals import Goal, goals
from run import Run
from workloads import HASH, WORKLOADS, fill

BY_NAME = {workload.name: workload for workload in WORKLOADS}


def reply(result, status=200):
    body = json.dumps(result).encode()
    return Reply(status, {}, body, 100 + len(body))


class Replies(unittest.TestCase):
    def test_a_right_one_tells_its_length(self):
        right = reply({"result": "0123456789abcdef"})
        self.assertEqual(BY_NAME["W1"].check(right), right.length)

    def test_a_wrong_one_is_refused_whatever_its_status(self):
        for wrong in (reply({"result": None}), reply({"error": "ERR"}), reply([]), reply({"result": "x"}, 503)):
            with self.assertRaises(Wrong):
                BY_NAME["W1"].check(wrong)

    def test_data_that_was_not_taken_is_noticed_whatever_the_status(self):
        for wrong in (reply({'["SET"': [False, "ERR unknown command"]}), reply({"result": "OK"}, 400)):
            with self.assertRaises(Wrong):
                fill(SimpleNamespace(ask=lambda _, wrong=wrong: wrong))

    def test_what_a_gateway_usually_wants_does_not_come_twice(self):
        gateway = Gateway("SRH", "", "secret", usual=(("Content-Type", "text/plain"), ("X", "y")))
        said = gateway.headers(BY_NAME["W7"].request)
        self.assertEqual([value for name, value in said if name == "Content-Type"], ["application/json"])
        self.assertIn(("Authorization", "Bearer secret"), said)
        self.assertIn(("X", "y"), said)

    def test_a_hash_has_no_order(self):
        fields = [text for pair in reversed(HASH.items()) for text in pair]
        BY_NAME["W9"].check(reply({"result": fields}))
        with self.assertRaises(Wrong):
            BY_NAME["W9"].check(reply({"result": fields[2:]}))

    def test_lengths_include_heads_and_chunks(self):
        plain = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
        for sent in (plain, chunked):
            got = read_reply(io.BytesIO(sent))
            self.assertEqual((got.status, got.body, got.length), (200, b"hello", len(sent)))

    def test_a_run_with_errors_or_replies_of_another_length_does_not_count(self):
        good = {"errors": 0, "requests": 1000, "bytes": 300_000}
        load.judge(good, 300, 64)
        for bad in ({"errors": 1}, {"requests": 0}, {"bytes": 280_000}, {"bytes": 330_000}):
            with self.assertRaises(Wrong):
                load.judge({**good, **bad}, 300, 64)

    def test_parts_of_a_sample_count_by_their_requests(self):
        one = {"requests": 300, "rate": 100, "cpu": {"pkv": 10}, "peak": {"pkv": 5}}
        other = {"requests": 100, "rate": 100, "cpu": {"pkv": 30}, "peak": {"pkv": 7}}
        whole = {"requests": 400, "rate": 100, "cpu": {"pkv": 15}, "peak": {"pkv": 7}}
        self.assertEqual(load.joined([one, other]), {**whole, "parts": [one, other]})
        # A second at 100, three at 20: 160 in four.
        uneven = load.joined([{**one, "requests": 100}, {**other, "requests": 60, "rate": 20}])
        self.assertEqual(uneven["rate"], 40)

    def test_a_percentile_is_that_of_all_requests(self):
        usual = {"requests": 1000, "rate": 1, "cpu": {}, "peak": {}}

        def slow(percent):
            """A part of which so many took 90 instead of 10."""
            return {**usual, "latencies": [[at, 10 if at <= 100 - percent else 90] for at in range(1, 101)]}

        for percents, p99 in (([0, 0], 10), ([1, 1], 10), ([3, 0], 90), ([2, 1], 90), ([0, 2], 10)):
            whole = load.joined([slow(percent) for percent in percents])
            self.assertEqual((whole["p50"], whole["p99"]), (10, p99), percents)
            self.assertEqual([part["p99"] for part in whole["parts"]], [90 if percent > 1 else 10 for percent in percents])

    @mock.patch("run.PAUSE", 0)
    def test_a_run_has_a_sample_of_each_repetition_without_the_warm_up_or_of_none_if_a_reply_was_wrong(self):
        rates, wanted = iter([1, 10, 10, 20, 20]), []

        def good(seconds, _):
            wanted.append(seconds)
            rate = next(rates)
            return {"requests": rate * seconds, "rate": rate, "cpu": {}, "peak": {}}

        def wrong(*_):
            # In the middle of the second repetition.
            if len(wanted) == 5:
                raise Wrong("another reply")
            return {"requests": 1, "rate": 1, "cpu": {}, "peak": {}}

        run, told = a_run(), []
        run.seconds, run.rounds, run.repetitions, run.pkv.pid = 4, 2, 2, os.getpid()
        run.cells = dict(list(run.cells.items())[:2])
        one, other = run.cells.values()
        one.samples, other.samples, one.measure, other.measure = [], [], good, wrong
        run.measure(told.append)
        self.assertEqual(wanted, [1, 2, 2, 2, 2])
        self.assertEqual([sample["rate"] for sample in one.samples], [10, 20])
        self.assertEqual((other.failure, other.samples), ("another reply", []))
        self.assertEqual(told[0], "warm-up: W1 c1 pkv")
        self.assertEqual(told[-2], "repetition 2/2, round 2/2: W1 c1 pkv")


class Verdicts(unittest.TestCase):
    def test_a_goal_is_met_by_the_median(self):
        self.assertTrue(Goal("", 0.65, False, (0.66, 0.60, 0.70)).is_met())
        self.assertFalse(Goal("", 0.65, False, (0.64, 0.60, 0.70)).is_met())
        self.assertFalse(Goal("", 2, True, (2.1, 1.9, 2.2)).is_met())
        self.assertIsNone(Goal("", 2, True, None).is_met())

    def test_what_others_use_is_noticed(self):
        watched = machine.Load([])
        end = watched.watch()
        other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        time.sleep(1)
        end()
        other.kill()
        other.wait()
        # A core, as far as the machine has one to spare.
        self.assertGreater(watched.share() * machine.CORES, 0.3)

    def test_a_run_is_told_and_drawn(self):
        run = a_run()
        told = "\n".join(table.cells_table(run) + table.goals_table(goals(run), is_quiet=False))
        self.assertNotIn("met", told.replace("measured", ""))
        self.assertIn("no verdict", told)
        xml.etree.ElementTree.fromstring(chart.draw(run))

    def test_more_instructions_than_committed_fail(self):
        committed = {"build": instructions.build(), "instructions per request": {"W1": 1000}}
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertTrue(instructions.compare(committed, {"W1": 1029}))
            self.assertFalse(instructions.compare(committed, {"W1": 1031}))


def a_run():
    def server(name, pids):
        return SimpleNamespace(gateway=Gateway(name, "", pids=pids), pid=1, redis_port=0)

    run = Run(server("pkv", {"pkv": 1, "redis": 2}), server("bare", {"bare": 3}), [], 8, 3)
    for cell in run.cells.values():
        names = [*cell.gateway.pids, "client"]
        times = {"p50": 1000, "p99": 2000, "p99.9": 3000}
        sample = {"rate": 1e4, "cpu": dict.fromkeys(names, 10), "peak": dict.fromkeys(names, 1e6), **times}
        cell.samples = [sample] * 3
    return run


if __name__ == "__main__":
    unittest.main()
