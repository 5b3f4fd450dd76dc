"""
TCP through a TAP (ours) beside Debian's pasta and slirp4netns, and the bare veth pair below them, in rounds that take turns.

The guests are namespaces, so both ends are Linux: iperf3 for throughput, the load program for the rest. Called by scripts/bench-tap.sh as root, with the
name of a lab that is up. ROWS="PATTERN..." chooses rows.
"""

import json
import os
import socket
import subprocess
import tempfile
import time

from table import Table, interleave
from tcp import (
    LAB, ON_POD, PEER, PEER_ADDRESS, POD, QUIET, Gathered, Load, bulk_rows, compare, cpu_clock, exchange_rows, exchanges, make_guest, our_plane,
    pasta, reuse_ports, run, stop, wanted,
)

ROUNDS = int(os.environ.get("BENCH_ROUNDS") or 5)
SECONDS = 2  # as long as it takes to see that a flow moves nothing for one
VETH_SECONDS = 1
INTERVAL = 0.25
FLOWS = (1, 8)
MTUS = (65520, 1500)
SLIRP_GUEST = "10.0.2.100"
PATIENCE = 30


def slirp(guest, port, mtu, work):
    """slirp4netns, with a forward like the others'. It sends frames of its own MTU, whatever segments the guest asks for."""
    path = f"{work}/slirp-{mtu}"
    command = ["slirp4netns", "-c", "-m", str(mtu), "-a", path, "--netns-type=path", f"/run/netns/{guest}", "tap0"]
    process = subprocess.Popen(ON_POD + command, **QUIET)
    forward = {"proto": "tcp", "host_addr": "0.0.0.0", "host_port": port + 1, "guest_addr": SLIRP_GUEST, "guest_port": port + 1}
    for _ in range(200):
        time.sleep(0.05)
        if not os.path.exists(path) or SLIRP_GUEST not in subprocess.run(["ip", "-n", guest, "address"], capture_output=True, text=True).stdout:
            continue
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.connect(path)
            control.sendall(json.dumps({"execute": "add_hostfwd", "arguments": forward}).encode())
            control.shutdown(socket.SHUT_WR)
            if b'"id"' not in control.recv(4096):
                raise SystemExit("slirp4netns refused the forward")
        return process
    process.kill()
    raise SystemExit("slirp4netns did not start")


class Side:
    """One translator with its guest; without a translator the pod is the guest."""

    def __init__(self, name, port, guest, process):
        self.name, self.guest, self.process = name, guest, process
        self.load = Load(name, port, process, f"netns=/run/netns/{guest}")
        self.server = None

    def set_mtu(self, mtu):
        if self.process:
            run(f"ip -n {self.guest} link set tap0 mtu {mtu}")

    def serve(self, port):
        self.port = port
        self.server = subprocess.Popen(["ip", "netns", "exec", PEER, "iperf3", "-s", "-p", str(port), "-B", PEER_ADDRESS], **QUIET)
        time.sleep(0.2)

    def iperf(self, direction, flows):
        """iperf3 from the guest, which for `in` asks the server to send; bytes are those that the receiving end had."""
        seconds = SECONDS if self.process else VETH_SECONDS
        command = ["ip", "netns", "exec", self.guest, "iperf3", "-J", "-c", PEER_ADDRESS, "-p", str(self.port), "-t", str(seconds), "-P", str(flows)]
        command += ["-i", str(INTERVAL)] + (["-R"] if direction == "in" else [])
        cpu = time.clock_gettime(cpu_clock(self.process.pid)) if self.process else 0
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=PATIENCE)
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            answer = {"error": "it does not end"}
        cpu = time.clock_gettime(cpu_clock(self.process.pid)) - cpu if self.process else 0
        if "error" in answer:
            # A peer that cannot end a transfer has not moved it; we do not excuse ourselves so.
            if self.name == "ours":
                raise SystemExit(f"iperf3 {direction} with {flows} flows: {answer['error']}")
            self.server.kill()
            self.server.wait()
            self.serve(self.port)
            return {"bytes": 0, "seconds": seconds, "cpu": cpu, "stalled": 1}
        total = answer["end"]["sum_received"]
        return {"bytes": total["bytes"], "seconds": total["seconds"] or seconds, "cpu": cpu, "stalled": int(stalled(answer["intervals"]))}

    def close(self):
        self.load.close()
        if self.server:
            self.server.kill()
            self.server.wait()
        if self.process:
            stop(self.process)


def stalled(intervals):
    """Whether a flow moved nothing for a second."""
    silent = {}
    longest = 0
    for interval in intervals:
        for stream in interval["streams"]:
            silent[stream["socket"]] = 0 if stream["bytes"] else silent.get(stream["socket"], 0) + stream["seconds"]
            longest = max(longest, silent[stream["socket"]])
    return longest >= 0.95


def transfers(table, sides, small):
    """`small` takes the part of the side of the same name where the MTU is 1500."""
    for mtu in MTUS:
        if mtu == 1500:
            sides = [small if side.name == small.name else side for side in sides]
        names = {(d, f): f"tcp-{d}-{mtu}-{f}" for d in ("in", "out") for f in FLOWS}
        if not wanted(*names.values()):
            continue
        for side in sides:
            side.set_mtu(mtu)
        for (direction, flows), name in names.items():
            if not wanted(name):
                continue
            results = interleave(ROUNDS, *(lambda side=side: side.iperf(direction, flows) for side in sides))
            answers = {side.name: result for side, result in zip(sides, results)}
            bulk_rows(table, name, answers)
            sums = {who: [{"stalls": sum(a["stalled"] for a in rounds)}] for who, rounds in answers.items() if who != "veth"}
            compare(table, f"{name}-stalls", "rounds", sums, lambda a: a["stalls"], False)
    for side in sides:
        side.set_mtu(MTUS[0])


def warm_up(side):
    """A JVM compiles what it runs often."""
    for mtu in reversed(MTUS):
        side.set_mtu(mtu)
        for flows in FLOWS:
            side.iperf("in", flows)
            side.iperf("out", flows)
    for verb in ("rr", "crr-out", "crr-in"):
        side.load.ask(verb, 65520, 1, 2000)


def main():
    table = Table("tap")
    reuse_ports()
    guests = [f"{LAB}-{name}" for name in ("ours", "pasta", "slirp", "small")]
    for guest in guests:
        make_guest(guest)
    sides, others = [], []
    with tempfile.TemporaryDirectory() as work:
        try:
            sides.append(Side("ours", 7200, guests[0], our_plane(guests[0], 7200)))
            sides.append(Side("pasta", 7210, guests[1], pasta(guests[1], 7210)))
            sides.append(Side("slirp4netns", 7220, guests[2], slirp(guests[2], 7220, 65520, work)))
            small = Side("slirp4netns", 7225, guests[3], slirp(guests[3], 7225, 1500, work))
            others.append(small)
            sides.append(Side("veth", 7230, POD, None))
            for i, side in enumerate(sides + others):
                side.serve(7250 + i)
            warm_up(sides[0])
            transfers(table, sides, small)
            answered = Gathered()
            exchanges(answered, [side.load for side in sides], ROUNDS)
            for name, answers in answered.items():
                exchange_rows(table, name, answers)
        finally:
            for side in sides + others:
                side.close()
    table.finish()


main()
