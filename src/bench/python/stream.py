"""
TCP through passt (ours) beside Debian's passt, both on a stream socket, and the bare veth pair below them, in rounds that take turns.

Called by scripts/bench-stream.sh as root, with the name of a lab that is up. ROWS="PATTERN..." chooses rows.
"""

import os
import signal
import subprocess
import tempfile
import time

from table import ROOT, Table, interleave
from tcp import (
    DEBIAN_PASST, LOAD, OURS, PEER_ADDRESS, POD, QUIET, Gathered, Load, bulk_rows, exchange_rows, exchanges, passt, private_mib, reuse_ports,
    stop, wanted,
)

ROUNDS = int(os.environ.get("BENCH_ROUNDS") or 3)  # of each pair of processes
PAIRS = 3  # where their memory lies, and what a JIT compiler made of it, differs from start to start
TRANSFER_MS = 600
VETH_MS = 300
WARM_UP_MS = 1000
FLOWS = (1, 8)
MTUS = (65520, 1500)
IDLE_FLOWS = 1000
MACHINE_MS = 1500


def transfers(gathered, ours, theirs, veth):
    for mtu in MTUS:
        for flows in FLOWS:
            for direction in ("in", "out"):
                name = f"tcp-{direction}-{mtu}-{flows}"
                if not wanted(name):
                    continue
                results = interleave(
                    ROUNDS,
                    lambda: ours.ask(direction, mtu, flows, TRANSFER_MS),
                    lambda: theirs.ask(direction, mtu, flows, TRANSFER_MS),
                    lambda: veth.ask(direction, mtu, flows, VETH_MS),
                )
                gathered.add(name, dict(zip(("ours", "passt", "veth"), results)))


def warm_up(load):
    """A JVM compiles what it runs often; and one that cannot do it at all is found out early."""
    for mtu in MTUS * 2:
        for verb in ("out", "in"):
            load.ask(verb, mtu, 1, WARM_UP_MS)
            load.ask(verb, mtu, 8, WARM_UP_MS // 2)
    for verb in ("rr", "crr-out", "crr-in"):
        load.ask(verb, 65520, 1, 2000)


def streams(table, work):
    if not wanted(*(f"tcp-{d}-{m}-{f}" for d in ("in", "out") for m in MTUS for f in FLOWS), "rr", "crr-in", "crr-out"):
        return
    bulk, small = Gathered(), Gathered()
    for pair in range(PAIRS):
        processes, loads = [], []
        try:
            for name, port, command in (("ours", 7100, OURS), ("passt", 7110, DEBIAN_PASST)):
                processes.append(passt(command, port, f"{work}/{name}{pair}"))
                loads.append(Load(name, port, processes[-1], f"stream={work}/{name}{pair}"))
            loads.append(Load("veth", 7120, None, f"netns=/run/netns/{POD}"))
            for load in loads[:2]:
                warm_up(load)
            transfers(bulk, *loads)
            exchanges(small, loads, ROUNDS)
        finally:
            for load in loads:
                load.close()
            for process in processes:
                stop(process)
    for name, answers in bulk.items():
        bulk_rows(table, name, answers)
    for name, answers in small.items():
        exchange_rows(table, name, answers)


def idle_memory(command, port, work):
    """Private_Dirty of a fresh process with connections that carried a byte each way and then nothing, MiB."""
    path = f"{work}/idle{port}"
    process = passt(command, port, path)
    try:
        load = Load("idle", port, process, f"stream={path}")
        load.ask("idle", 65520, IDLE_FLOWS, 0)
        time.sleep(1.5)  # what the connections set in motion has ended: a figure, not a test
        figure = private_mib(process.pid)
        load.close()
        return figure
    finally:
        stop(process)
        if os.path.exists(path):
            os.unlink(path)


class Machine:
    """A guest in QEMU behind a passt: what its card does, not how fast an emulated processor is, so look at processor times first."""

    def __init__(self, name, port, command, work):
        path = f"{work}/machine-{name}"
        self.name = name
        self.process = passt(command, port, path)
        self.load = Load(name, port, self.process, "qemu")
        script = f"{work}/{name}.sh"
        with open(script, "w") as out:
            out.write(f"lease > /dev/null || exit 1\ntcpload serve={PEER_ADDRESS} port={port}\n")
        boot = [str(ROOT / "src/test/guest/boot"), "-t", "300", "-a", str(LOAD), path, script]
        self.boot = subprocess.Popen(boot, **QUIET)

    def ask(self, verb, ms):
        return self.load.ask(verb, 65520, 1, ms)

    def close(self):
        self.load.close()
        self.boot.send_signal(signal.SIGTERM)
        self.boot.wait(20)
        stop(self.process)


def machines(table, work):
    if not wanted("qemu-in", "qemu-out"):
        return
    both = []
    try:
        both = [Machine("ours", 7130, OURS, work), Machine("passt", 7140, DEBIAN_PASST, work)]
        for one in both:
            one.ask("out", 2 * MACHINE_MS)
            one.ask("in", 2 * MACHINE_MS)
        for verb in ("in", "out"):
            if wanted(f"qemu-{verb}"):
                results = interleave(min(ROUNDS, 5), *(lambda one=one: one.ask(verb, MACHINE_MS) for one in both))
                bulk_rows(table, f"qemu-{verb}", dict(zip(("ours", "passt"), results)))
    finally:
        for one in both:
            one.close()


def main():
    table = Table("stream")
    reuse_ports()
    with tempfile.TemporaryDirectory() as work:
        streams(table, work)
        if wanted("memory-1000-flows"):
            results = interleave(5, lambda: idle_memory(OURS, 7150, work), lambda: idle_memory(DEBIAN_PASST, 7160, work))
            table.row("memory-1000-flows", "MiB", *results, "passt")
        machines(table, work)
    table.finish()


main()
