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
from pathlib import Path

from plane import our_tap
from table import ROOT, Table, interleave

LAB = sys.argv[1]
PARTS = sys.argv[2:] or ("stream", "tap")
POD = f"{LAB}-pod"
PEER = f"{LAB}-peer"
PEER_ADDRESS = "10.77.0.3"
GUEST_ADDRESS = "10.77.0.2"
ROUNDS = int(os.environ.get("BENCH_ROUNDS") or 9)
TRANSFER_MS = 400
REQUESTS = 20_000
WARM_UP_MS = 800
IPERF_ROUNDS = min(ROUNDS, 3)
IPERF_SECONDS = 1
IPERF_RATES = {64: 50_000, 1400: 50_000, 8000: 10_000}  # datagrams a second
SIZES = (64, 1400, 8000)
LOAD = ROOT / "target/bench/udpload"
OVERRIDE = os.environ.get("PASSATELLI_BIN")
OURS = shlex.split(OVERRIDE or str(ROOT / "target/passatelli/bin/passt") + " --runas 0")
DEBIAN_PASST = ["/usr/bin/passt", "--runas", "0"]
CORES = os.sched_getaffinity(0)
ON_POD = ["ip", "netns", "exec", POD]


class Served:
    """A translator in the pod, and the load program with its guest and its peer."""

    def __init__(self, name, first_port, launch, guest):
        self.name = name
        self.load = None
        self.process = launch(first_port + 3)  # where the load program's peer sends to
        try:
            self.load = subprocess.Popen(
                [str(LOAD), guest, f"peer=/run/netns/{PEER}", f"pid={self.process.pid}", f"port={first_port}"],
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

    def run_on(self, cores):
        """
        The translator and the load program. Round trips take place on one core: to wake an idle one costs a virtual machine ten times the rest, in
        whose account is luck, and the scheduler decides each time anew whether it is done.
        """
        for pid in (self.process.pid, self.load.pid):
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), cores)

    def warm_up(self, ms):
        """A JVM compiles what it runs often; and one that cannot do it at all is found out early."""
        for size in SIZES:
            self.ask("out", size, ms)
            self.ask("in", size, ms)
            self.ask("rr", size, ms)

    def end_load(self):
        """The translator stays, with nobody at its ports."""
        if self.load:
            self.load.stdin.close()
            self.load.wait(10)
            self.load = None

    def close(self):
        self.end_load()
        if self.process.stdin:
            self.process.stdin.close()
        self.process.terminate()
        self.process.wait(10)


def passt(command, path):
    return lambda port: subprocess.Popen(ON_POD + command + ["-f", "-q", "-u", str(port), "-s", path], stderr=subprocess.DEVNULL)


def debian_tap(guest):
    def launch(port):
        command = ["/usr/bin/pasta", "-f", "-q", "--runas", "0", "--config-net", "-t", "none", "-T", "none", "-U", "none", "-I", "tap0"]
        process = subprocess.Popen(ON_POD + command + ["-u", str(port), "--netns", f"/run/netns/{guest}"], stderr=subprocess.DEVNULL)
        for _ in range(200):
            if GUEST_ADDRESS in subprocess.run(["ip", "-n", guest, "address", "show", "dev", "tap0"], capture_output=True, text=True).stdout:
                return process
            time.sleep(0.05)
        process.kill()
        raise SystemExit("pasta did not configure the namespace")

    return launch


def measure(table, prefix, ours, peer, peer_name):
    """All rows of one pair."""
    for size in SIZES:
        for direction in ("in", "out"):
            mine, theirs = interleave(ROUNDS, *(lambda s=s: s.ask(direction, size, TRANSFER_MS) for s in (ours, peer)))
            name = f"{prefix}-{direction}-{size}"
            transfers(table, name, mine, theirs, peer_name)
    for served in (ours, peer):
        served.run_on({0})
    for served in (ours, peer):
        served.ask("rr", 64, 5 * REQUESTS)  # on one core the JIT compiler takes its turn there
    mine, theirs = interleave(ROUNDS, *(lambda s=s: s.ask("rr", 64, REQUESTS) for s in (ours, peer)))
    for served in (ours, peer):
        served.run_on(CORES)
    table.row(f"{prefix}-rr", "us", [a["median"] for a in mine], [a["median"] for a in theirs], peer_name)
    cpu = [[a["cpu"] / a["received"] * 1e6 for a in answers] for answers in (mine, theirs)]
    table.row(f"{prefix}-rr-cpu", "s/million", *cpu, peer_name)


class Iperf:
    """
    iperf3 between the namespace guest and the peer. Its TCP connection goes by a link of its own: only the datagrams pass the translator.

    At a fixed rate that both translators can take: without one, nine of ten datagrams are lost, and what arrives is the scheduler's choice.
    """

    def __init__(self, guest, port, pid, table):
        self.guest, self.port = guest, port
        self.cpu_clock = ~pid << 3 | 2  # clock_getcpuclockid(3)
        link = f"iperf{table}"
        for words in (
            f"-n {PEER} link add {link} type veth peer name iperf netns {guest}",
            f"-n {PEER} link set {link} up",
            f"-n {guest} link set iperf up",
            f"-n {guest} route add default dev iperf table {table}",
            f"-n {guest} rule add ipproto tcp lookup {table}",
            f"-n {PEER} route add default dev {link} table {table}",
            f"-n {PEER} rule add ipproto tcp sport {port} lookup {table}",
            f"-n {PEER} rule add ipproto tcp dport {port} lookup {table}",
        ):
            subprocess.run(["ip", *words.split()], check=True)

    def run(self, direction, size):
        client, server, to = (self.guest, PEER, PEER_ADDRESS) if direction == "out" else (PEER, self.guest, GUEST_ADDRESS)
        at_peer = ["-B", PEER_ADDRESS]
        serve = ["ip", "netns", "exec", server, "iperf3", "-s", "-1", "-p", str(self.port)] + (at_peer if server == PEER else [])
        serving = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.2)
            load = ["ip", "netns", "exec", client, "iperf3", "-u", "-J", "-c", to, "-p", str(self.port), "-l", str(size), "-t", str(IPERF_SECONDS)]
            load += ["-b", str(IPERF_RATES[size] * size * 8)] + (at_peer if client == PEER else [])
            cpu = time.clock_gettime(self.cpu_clock)
            done = subprocess.run(load, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=20)
            cpu = time.clock_gettime(self.cpu_clock) - cpu
            answer = json.loads(done.stdout)
            if "error" in answer:
                raise SystemExit(f"iperf3 {direction} {size}: {answer['error']}")
            total = answer["end"]["sum"]
            received = total["packets"] - total["lost_packets"]
            return {"received": received, "seconds": total["seconds"], "sent": total["packets"], "lost": total["lost_packets"], "cpu": cpu}
        finally:
            serving.terminate()
            serving.wait(10)


def transfers(table, name, mine, theirs, peer_name):
    """The rows of one kind of transfer, from the rounds of both."""
    both = (mine, theirs)
    table.row(name, "1/s", *([a["received"] / a["seconds"] for a in one] for one in both), peer_name, more_is_better=True)
    table.row(name + "-cpu", "s/million", *([a["cpu"] / a["received"] * 1e6 for a in one] for one in both), peer_name)
    table.row(name + "-lost", "%", *([a["lost"] / a["sent"] * 100 for a in one] for one in both), peer_name)


def pair(table, prefix, ours, peer, also=None):
    """Starts both, warms them up and measures; (name, first port, launch, guest) each."""
    mine = Served(*ours)
    try:
        theirs = Served(*peer)
        try:
            mine.warm_up(WARM_UP_MS)
            theirs.warm_up(WARM_UP_MS // 10)
            measure(table, prefix, mine, theirs, peer[0])
            if also:
                mine.end_load()
                theirs.end_load()
                also(mine, theirs)
        finally:
            theirs.close()
    finally:
        mine.close()


def taps(table):
    guests = [f"{LAB}-ours", f"{LAB}-pasta"]
    for guest in guests:
        subprocess.run(["ip", "netns", "add", guest], check=True)
        subprocess.run(["ip", "-n", guest, "link", "set", "lo", "up"], check=True)
    ours, peer = guests

    def iperf(mine, theirs):
        both = Iperf(ours, 7303, mine.process.pid, 101), Iperf(peer, 7403, theirs.process.pid, 102)
        for size in SIZES:
            for direction in ("in", "out"):
                results = interleave(IPERF_ROUNDS, *(lambda i=i: i.run(direction, size) for i in both))
                transfers(table, f"udp-tap-iperf3-{direction}-{size}", *results, "pasta")

    pair(
        table,
        "udp-tap",
        ("ours", 7300, debian_tap(ours) if OVERRIDE else lambda port: our_tap(POD, ours, f"udp={port}"), f"netns=/run/netns/{ours}"),
        ("pasta", 7400, debian_tap(peer), f"netns=/run/netns/{peer}"),
        iperf,
    )


def main():
    table = Table("udp")
    if "stream" in PARTS:
        with tempfile.TemporaryDirectory() as work:
            pair(
                table,
                "udp",
                ("ours", 7100, passt(OURS, f"{work}/ours"), f"stream={work}/ours"),
                ("passt", 7200, passt(DEBIAN_PASST, f"{work}/passt"), f"stream={work}/passt"),
            )
    if "tap" in PARTS:
        taps(table)
    table.finish()


main()
