"""
What the benchmarks of TCP share: translators, the load program (src/bench/c/tcpload.c) beside each, and rows of the table.

Translators run in the pod of a lab (scripts/lab.sh), all at once, each with ports of its own, and idle while another is measured.
"""

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from plane import our_tap
from table import ROOT, interleave

LAB = sys.argv[1]
POD = f"{LAB}-pod"
PEER = f"{LAB}-peer"
PEER_ADDRESS = "10.77.0.3"
GUEST_ADDRESS = "10.77.0.2"
PATTERNS = os.environ.get("ROWS", "").replace(",", " ").split()
LOAD = ROOT / "target/bench/tcpload"
OVERRIDE = os.environ.get("PASSATELLI_BIN")
OURS = shlex.split(OVERRIDE or str(ROOT / "target/passatelli/bin/passt") + " --runas 0")
DEBIAN_PASST = ["/usr/bin/passt", "--runas", "0"]
CORES = os.sched_getaffinity(0)
ON_POD = ["ip", "netns", "exec", POD]
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def wanted(*rows):
    """Whether ROWS, patterns as the shell has them, names one of these; without it all are wanted."""
    return not PATTERNS or any(fnmatch.fnmatch(row, pattern) for row in rows for pattern in PATTERNS)


def run(words):
    subprocess.run(words.split(), check=True)


def cpu_clock(pid):
    """clock_getcpuclockid(3): processor time of all threads, and of the kernel's work in their name."""
    return ~pid << 3 | 2


def private_mib(pid):
    """Private_Dirty of the process, MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Private_Dirty:\s+(\d+) kB", text).group(1)) / 1024


def pin(pid, cores):
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)


class Load:
    """The load program: a guest, or none of its own (`qemu`), and the peer; `process` is the translator, None: there is none."""

    def __init__(self, name, port, process, guest):
        self.name, self.port, self.process = name, port, process
        pid = [f"pid={process.pid}"] if process else []
        self.program = subprocess.Popen(
            [str(LOAD), guest, f"peer=/run/netns/{PEER}", f"port={port}", *pid],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()

    def answer(self):
        line = self.program.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: the load program ended")
        return json.loads(line)

    def ask(self, verb, mtu, flows, amount):
        try:
            self.program.stdin.write(f"{verb} {mtu} {flows} {amount}\n")
            self.program.stdin.flush()
        except BrokenPipeError:
            pass  # the answer says that it ended
        answer = self.answer()
        what = f"{self.name}: {verb} {mtu} {flows} {amount}"
        if os.environ.get("BENCH_VERBOSE"):
            print(what, answer, file=sys.stderr)
        if answer["corrupt"]:
            raise SystemExit(f"{what}: bytes came changed: {answer}")
        return answer

    def run_on(self, cores):
        """
        The translator and the load program. What waits for answers is measured on one core: to wake an idle one costs a virtual machine ten times
        the rest, and the scheduler decides each time anew whether it is done.
        """
        for program in (self.process, self.program):
            if program:
                pin(program.pid, cores)

    def close(self):
        try:
            self.program.stdin.close()
        except BrokenPipeError:
            pass  # what it did not take before it ended
        self.program.wait(20)


def stop(process):
    if process.stdin:
        process.stdin.close()
    process.terminate()
    process.wait(10)


def passt(command, port, path):
    """A passt, ours or Debian's, that forwards the guest's port of a load program at `port`."""
    return subprocess.Popen(ON_POD + command + ["-f", "-q", "-t", str(port + 1), "-s", path], **QUIET)


def our_plane(guest, port):
    """What is measured on a TAP in our name."""
    return pasta(guest, port) if OVERRIDE else our_tap(POD, guest, f"tcp={port + 1}")


def pasta(guest, port):
    command = ["/usr/bin/pasta", "-f", "-q", "--runas", "0", "--config-net", "-T", "none", "-u", "none", "-U", "none", "-I", "tap0"]
    process = subprocess.Popen(ON_POD + command + ["-t", str(port + 1), "--netns", f"/run/netns/{guest}"], **QUIET)
    for _ in range(200):
        if GUEST_ADDRESS in subprocess.run(["ip", "-n", guest, "address", "show", "dev", "tap0"], capture_output=True, text=True).stdout:
            return process
        time.sleep(0.05)
    process.kill()
    raise SystemExit("pasta did not configure the namespace")


def make_guest(name):
    """A namespace that is a guest, with the congestion control of the lab."""
    run(f"ip netns add {name}")
    run(f"ip -n {name} link set lo up")
    control = subprocess.run(["ip", "netns", "exec", PEER, "sysctl", "-n", "net.ipv4.tcp_congestion_control"], capture_output=True, text=True).stdout
    run(f"ip netns exec {name} sysctl -qw net.ipv4.tcp_congestion_control={control.strip()}")


def reuse_ports():
    """Thousands of short connections: those in TIME_WAIT are no reason to stop."""
    for namespace in (POD, PEER):
        subprocess.run(["ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.tcp_tw_reuse=1"], check=False)


def compare(table, name, unit, answers, figure, more_is_better):
    """A row for each peer; `answers` maps names to the rounds' answers, ours first."""
    ours, *peers = answers
    for peer in peers:
        table.row(name, unit, [figure(a) for a in answers[ours]], [figure(a) for a in answers[peer]], peer, more_is_better)


def spent(table, name, unit, answers, figure):
    """The -cpu rows; a round in which nothing moved has no processor time for it, and neither has the bare veth."""
    figures = {who: [figure(a) for a in rounds if a["amount"]] for who, rounds in answers.items() if any(a["cpu"] for a in rounds)}
    ours, *peers = answers
    for peer in peers:
        if figures.get(ours) and figures.get(peer):
            table.row(f"{name}-cpu", unit, figures[ours], figures[peer], peer)


class Gathered(dict):
    """Rounds of several processes: row → who → answers."""

    def add(self, name, answers):
        for who, rounds in answers.items():
            self.setdefault(name, {}).setdefault(who, []).extend(rounds)


def bulk_rows(table, name, answers):
    """`answers` with bytes, seconds, cpu."""
    for rounds in answers.values():
        for answer in rounds:
            answer["amount"] = answer["bytes"]
    compare(table, name, "Gbit/s", answers, lambda a: a["bytes"] * 8 / a["seconds"] / 1e9, True)
    spent(table, name, "s/GB", answers, lambda a: a["cpu"] / a["bytes"] * 1e9)


def exchange_rows(table, name, answers):
    """`answers` with count, seconds, median, cpu: the time of one for `rr`, the number in a second for those that connect."""
    for rounds in answers.values():
        for answer in rounds:
            answer["amount"] = answer["count"]
    if name == "rr":
        compare(table, name, "us", answers, lambda a: a["median"], False)
    else:
        compare(table, name, "1/s", answers, lambda a: a["count"] / a["seconds"], True)
    spent(table, name, "s/1000", answers, lambda a: a["cpu"] / a["count"] * 1e3)


EXCHANGES = {"rr": 5_000, "crr-in": 1_500, "crr-out": 1_500}


def exchanges(gathered, loads, rounds):
    """rr, crr-in and crr-out, on one core."""
    if not wanted(*EXCHANGES):
        return
    for load in loads:
        load.run_on({0})
    for verb, count in EXCHANGES.items():
        if not wanted(verb):
            continue
        for load in loads:
            load.ask(verb, 65520, 1, 2 * count)  # on one core a JIT compiler takes its turn there
        results = interleave(rounds, *(lambda one=one, v=verb, n=count: one.ask(v, 65520, 1, n) for one in loads))
        gathered.add(verb, {load.name: result for load, result in zip(loads, results)})
    for load in loads:
        load.run_on(CORES)
