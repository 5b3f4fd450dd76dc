"""
System calls of a translator for each 64 KiB it moves, and for each exchange of a byte, counted by strace(1), beside the project's aims.

strace slows the translator down, so more gathers for each call than without it at full speed: read these as what a busy translator does.

Called by scripts/bench-syscalls.sh as root, with the name of a lab that is up. ROWS="PATTERN..." chooses rows.
"""

import collections
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from table import Table
from tcp import DEBIAN_PASST, LAB, OURS, Load, make_guest, our_plane, passt, pasta, run, stop, wanted

MS = 1000
EXCHANGES = 1000
UNIT = 64 << 10
AIMS = {"stream-in-65520": 1.25, "stream-out-65520": 1, "tap-in-65520": 2.75, "tap-out-65520": 2, "tap-rr": 9}
# What a virtual machine's own threads do, which move nothing.
ASIDE = {"brk", "clock_nanosleep", "futex", "gettid", "madvise", "mmap", "mprotect", "munmap", "restart_syscall", "rt_sigprocmask", "rt_sigreturn", "sched_yield"}


class Counted:
    """strace on a process for as long as this is open."""

    def __init__(self, pid):
        self.out = tempfile.NamedTemporaryFile()
        self.process = subprocess.Popen(["strace", "-c", "-f", "-U", "calls,name", "-o", self.out.name, "-p", str(pid)], stderr=subprocess.DEVNULL)
        for _ in range(200):
            tracers = [re.search(r"TracerPid:\s+(\d+)", task.read_text()).group(1) for task in Path(f"/proc/{pid}/task").glob("*/status")]
            if str(self.process.pid) in tracers and "0" not in tracers:
                return
            time.sleep(0.02)
        self.process.kill()
        raise SystemExit("strace does not attach")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        calls = collections.Counter()
        for line in Path(self.out.name).read_text().splitlines():
            found = re.match(r"\s*(\d+)\s+(\w+)$", line)
            if found and found.group(2) != "total" and found.group(2) not in ASIDE:
                calls[found.group(2)] = int(found.group(1))
        return calls


def count(load, verb, mtu):
    """Calls of each name for 64 KiB, or for one exchange."""
    load.ask(verb, mtu, 1, EXCHANGES if verb == "rr" else MS)
    counted = Counted(load.process.pid)
    try:
        answer = load.ask(verb, mtu, 1, EXCHANGES if verb == "rr" else MS)
    finally:
        calls = counted.end()
    amount = answer["count"] if verb == "rr" else answer["all"] / UNIT
    return {name: n / amount for name, n in calls.most_common()} if amount else {}


def text(calls):
    return ", ".join(f"{name} {n:.2f}" for name, n in calls.items() if n >= 0.01)


def measure(table, prefix, loads, set_mtu):
    for verb, mtu in (("in", 65520), ("out", 65520), ("in", 1500), ("out", 1500), ("rr", 65520)):
        name = f"{prefix}-rr" if verb == "rr" else f"{prefix}-{verb}-{mtu}"
        if not wanted(name):
            continue
        set_mtu(mtu)
        results = {load.name: count(load, verb, mtu) for load in loads}
        aim = f", the aim is {AIMS[name]}" if name in AIMS else ""
        print(f"{name}: calls for {'an exchange' if verb == 'rr' else '64 KiB'}{aim}")
        for who, calls in results.items():
            print(f"    {who:<8}{sum(calls.values()):>8.2f}  {text(calls)}", flush=True)
        sums = [[sum(calls.values())] for calls in results.values()]
        table.row(name, "calls", *sums, loads[1].name)
    set_mtu(65520)


def streams(table, work):
    processes, loads = [], []
    try:
        for name, port, command in (("ours", 7300, OURS), ("passt", 7310, DEBIAN_PASST)):
            processes.append(passt(command, port, f"{work}/{name}"))
            loads.append(Load(name, port, processes[-1], f"stream={work}/{name}"))
        measure(table, "stream", loads, lambda mtu: None)
    finally:
        for load in loads:
            load.close()
        for process in processes:
            stop(process)


def taps(table):
    processes, loads, guests = [], [], []
    try:
        for name, port, launch in (("ours", 7320, our_plane), ("pasta", 7330, pasta)):
            guests.append(f"{LAB}-{name}")
            make_guest(guests[-1])
            processes.append(launch(guests[-1], port))
            loads.append(Load(name, port, processes[-1], f"netns=/run/netns/{guests[-1]}"))

        def set_mtu(mtu):
            for guest in guests:
                run(f"ip -n {guest} link set tap0 mtu {mtu}")

        measure(table, "tap", loads, set_mtu)
    finally:
        for load in loads:
            load.close()
        for process in processes:
            stop(process)


def main():
    table = Table("syscalls")
    if wanted(*(f"stream-{row}" for row in ("in-65520", "out-65520", "in-1500", "out-1500", "rr"))):
        with tempfile.TemporaryDirectory() as work:
            streams(table, work)
    if wanted(*(f"tap-{row}" for row in ("in-65520", "out-65520", "in-1500", "out-1500", "rr"))):
        taps(table)
    table.finish()


main()
