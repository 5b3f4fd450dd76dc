"""
Start, memory and echo round trips of passt (ours) beside Debian's passt and pasta, in rounds that take turns.

Called by scripts/bench-start.sh as root, with the name of a lab (scripts/lab.sh) that is up; all programs run in its pod.
"""

import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from plane import our_tap
from table import ROOT, Table, interleave

LAB = sys.argv[1]
POD = f"{LAB}-pod"
GUEST = f"{LAB}-vm"
PEER_ADDRESS = "10.77.0.3"  # the gateway's address would be mapped to the host's loopback
ROUNDS = 11
PINGS = 2_000
OURS = [str(ROOT / "target/passatelli/bin/passt"), "-f", "-q", "--runas", "0"]
DEBIAN_PASST = ["/usr/bin/passt", "-f", "-q", "--runas", "0"]
DEBIAN_PASTA = ["/usr/bin/pasta", "-f", "-q", "--runas", "0", "--config-net"]


def cpu_seconds(pid):
    """Time on a processor so far, of all threads that live (schedstat counts nanoseconds, stat only ticks)."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def private_mib(pid):
    """Private_Dirty of the process, MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Private_Dirty:\s+(\d+) kB", text).group(1)) / 1024


class Served:
    """One passt in the pod, with a client connected to it."""

    def __init__(self, command):
        self.dir = tempfile.TemporaryDirectory()
        path = self.dir.name + "/s"
        began = time.perf_counter()
        self.process = subprocess.Popen(["ip", "netns", "exec", POD] + command + ["-s", path], stderr=subprocess.DEVNULL)
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while True:
            try:
                self.link.connect(path)
                break
            except OSError:
                if self.process.poll() is not None or time.perf_counter() - began > 20:
                    raise SystemExit(f"{command[0]} did not start")
                time.sleep(0.0005)
        self.seconds = time.perf_counter() - began
        self.cpu = cpu_seconds(self.process.pid)

    def close(self):
        self.link.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.dir.cleanup()


def start(command):
    served = Served(command)
    try:
        return served.seconds, served.cpu
    finally:
        served.close()


def memory(command):
    served = Served(command)
    try:
        time.sleep(3)  # what the start set in motion has ended: a figure, not a test
        return private_mib(served.process.pid)
    finally:
        served.close()


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_frame(sequence):
    payload = bytes(56)
    icmp = struct.pack("!BBHHH", 8, 0, 0, 77, sequence & 0xFFFF) + payload
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0, socket.inet_aton("10.77.0.2"), socket.inet_aton(PEER_ADDRESS))
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    frame = bytes.fromhex("9a559a559a55525400123456") + b"\x08\x00" + ip + icmp
    return struct.pack("!I", len(frame)) + frame


def stream_echo(command):
    """Median round trip in µs, and CPU µs of the process per echo, over the UNIX socket."""
    served = Served(command)
    try:
        served.link.settimeout(5)
        frames = Frames(served.link)
        for warm in range(PINGS):
            served.link.sendall(echo_frame(warm))
            frames.wait_for_echo_reply()
        times = []
        cpu = cpu_seconds(served.process.pid)
        for sequence in range(PINGS):
            frame = echo_frame(sequence)
            began = time.perf_counter()
            served.link.sendall(frame)
            frames.wait_for_echo_reply()
            times.append(time.perf_counter() - began)
        spent = cpu_seconds(served.process.pid) - cpu
        return statistics.median(times) * 1e6, spent / PINGS * 1e6
    finally:
        served.close()


class Frames:
    """Frames from the UNIX socket, however the other side cuts them."""

    def __init__(self, link):
        self.link = link
        self.data = b""

    def next(self):
        while True:
            if len(self.data) >= 4:
                end = 4 + struct.unpack_from("!I", self.data)[0]
                if len(self.data) >= end:
                    frame, self.data = self.data[4:end], self.data[end:]
                    return frame
            more = self.link.recv(65536)
            if not more:
                raise SystemExit("the other side closed the link")
            self.data += more

    def wait_for_echo_reply(self):
        frame = b""
        while not (frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == 0):
            frame = self.next()


def tap_echo(launch):
    """Median round trip in µs of ping(8) in a namespace guest, and CPU µs of the process per echo."""
    subprocess.run(["ip", "netns", "add", GUEST], check=True)
    process = None
    try:
        process = launch()
        subprocess.run(["ip", "-n", GUEST, "link", "set", "lo", "up"], check=True)
        deadline = time.monotonic() + 20
        ping = ["ip", "netns", "exec", GUEST, "ping", "-n", "-i", "0.001", "-s", "56", PEER_ADDRESS, "-c"]
        while subprocess.run(ping + ["1", "-W", "1"], capture_output=True).returncode != 0:
            if time.monotonic() > deadline:
                raise SystemExit("no echo through the TAP")
            time.sleep(0.05)
        subprocess.run(ping + [str(PINGS), "-q"], capture_output=True, check=True)
        cpu = cpu_seconds(process.pid)
        out = subprocess.run(ping + [str(PINGS)], capture_output=True, text=True, check=True).stdout
        spent = cpu_seconds(process.pid) - cpu
        times = [float(t) for t in re.findall(r"time=([\d.]+) ms", out)]
        return statistics.median(times) * 1e3, spent / PINGS * 1e6
    finally:
        if process:
            if process.stdin:
                process.stdin.close()
            process.terminate()
            process.wait(10)
        subprocess.run(["ip", "netns", "delete", GUEST], check=True)


def debian_tap():
    return subprocess.Popen(["ip", "netns", "exec", POD] + DEBIAN_PASTA + ["-I", "tap0", "--netns", f"/run/netns/{GUEST}"], stderr=subprocess.DEVNULL)


def main():
    table = Table("start")
    ours, peer = interleave(ROUNDS, lambda: start(OURS), lambda: start(DEBIAN_PASST))
    table.row("start", "s", [s for s, _ in ours], [s for s, _ in peer], "passt")
    table.row("start-cpu", "s", [c for _, c in ours], [c for _, c in peer], "passt")
    ours, peer = interleave(3, lambda: memory(OURS), lambda: memory(DEBIAN_PASST))
    table.row("memory-idle", "MiB", ours, peer, "passt")
    ours, peer = interleave(5, lambda: stream_echo(OURS), lambda: stream_echo(DEBIAN_PASST))
    table.row("ping-rr-stream", "us", [t for t, _ in ours], [t for t, _ in peer], "passt")
    table.row("ping-rr-stream-cpu", "us", [c for _, c in ours], [c for _, c in peer], "passt")
    ours, peer = interleave(5, lambda: tap_echo(lambda: our_tap(POD, GUEST)), lambda: tap_echo(debian_tap))
    table.row("ping-rr", "us", [t for t, _ in ours], [t for t, _ in peer], "pasta")
    table.row("ping-rr-cpu", "us", [c for _, c in ours], [c for _, c in peer], "pasta")
    table.finish()


main()
