"""
UDP through passt (ours) beside Debian's passt, and through a TAP beside Debian's pasta, in rounds that take turns.

Called by scripts/bench-udp.sh as root, with the name of a lab (scripts/lab.sh) that is up; all translators run in its pod, all at once, each with
ports of its own, and idle while another is measured.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time

from table import ROOT, Table, interleave

LAB = sys.argv[1]
POD = f"{LAB}-pod"
ROUNDS = 5
TRANSFER_MS = 1_000
REQUESTS = 5_000
SIZES = (64, 1400, 8000)
LOAD = ROOT / "target/bench/udpload"
OURS = shlex.split(os.environ.get("PASSATELLI_BIN") or str(ROOT / "target/passatelli/bin/passt"))
DEBIAN_PASST = ["/usr/bin/passt", "--runas", "0"]
ON_POD = ["ip", "netns", "exec", POD]


class Served:
    """A translator in the pod, and the load program with its guest and its peer."""

    def __init__(self, name, first_port, launch, guest):
        self.name = name
        self.load = None
        self.process = launch(first_port + 3)  # where the load program's peer sends to
        try:
            self.load = subprocess.Popen(
                [str(LOAD), guest, f"peer=/run/netns/{LAB}-peer", f"pid={self.process.pid}", f"port={first_port}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.answer()
        except BaseException:
            self.close()
            raise

    def answer(self):
        line = self.load.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: the load program ended")
        return json.loads(line)

    def ask(self, verb, size, amount):
        self.load.stdin.write(f"{verb} {size} {amount}\n")
        self.load.stdin.flush()
        answer = self.answer()
        what = f"{self.name}: {verb} {size}"
        if not answer["received"]:
            raise SystemExit(f"{what}: nothing arrived")
        if answer["corrupt"] or answer.get("disordered"):
            raise SystemExit(f"{what}: datagrams came changed or in another order: {answer}")
        if os.environ.get("BENCH_VERBOSE"):
            print(what, answer, file=sys.stderr)
        return answer

    def warm_up(self, ms):
        """A JVM compiles what it runs often; and one that cannot do it at all is found out early."""
        for size in SIZES:
            self.ask("out", size, ms)
            self.ask("in", size, ms)
            self.ask("rr", size, ms)

    def close(self):
        if self.load:
            self.load.stdin.close()
            self.load.wait(10)
        if self.process.stdin:
            self.process.stdin.close()
        self.process.terminate()
        self.process.wait(10)


def passt(command, path):
    return lambda port: subprocess.Popen(ON_POD + command + ["-f", "-q", "-u", str(port), "-s", path], stderr=subprocess.DEVNULL)


def measure(table, prefix, ours, peer, peer_name):
    """All rows of one pair."""
    for size in SIZES:
        for direction in ("in", "out"):
            mine, theirs = interleave(ROUNDS, *(lambda s=s: s.ask(direction, size, TRANSFER_MS) for s in (ours, peer)))
            name = f"{prefix}-{direction}-{size}"
            rate = [[a["received"] / a["seconds"] for a in answers] for answers in (mine, theirs)]
            cpu = [[a["cpu"] / a["received"] * 1e6 for a in answers] for answers in (mine, theirs)]
            lost = [[a["lost"] / a["sent"] * 100 for a in answers] for answers in (mine, theirs)]
            table.row(name, "1/s", *rate, peer_name, more_is_better=True)
            table.row(name + "-cpu", "s/million", *cpu, peer_name)
            table.row(name + "-lost", "%", *lost, peer_name)
    mine, theirs = interleave(ROUNDS, *(lambda s=s: s.ask("rr", 64, REQUESTS) for s in (ours, peer)))
    table.row(f"{prefix}-rr", "us", [a["median"] for a in mine], [a["median"] for a in theirs], peer_name)
    cpu = [[a["cpu"] / a["received"] * 1e6 for a in answers] for answers in (mine, theirs)]
    table.row(f"{prefix}-rr-cpu", "s/million", *cpu, peer_name)


def stream(table, work):
    ours = Served("ours", 7100, passt(OURS, f"{work}/ours"), f"stream={work}/ours")
    try:
        peer = Served("passt", 7200, passt(DEBIAN_PASST, f"{work}/passt"), f"stream={work}/passt")
        try:
            ours.warm_up(800)
            peer.warm_up(100)
            measure(table, "udp", ours, peer, "passt")
        finally:
            peer.close()
    finally:
        ours.close()


def main():
    table = Table("udp")
    with tempfile.TemporaryDirectory() as work:
        stream(table, work)
    table.finish()


main()
