"""
Forwards of a running passt: how soon one works, how long a set of thousands takes, and what many ports cost beside Debian's passt.

Runs in the peer's namespace of a lab (scripts/lab.sh); the translators run in its pod. The guest is a few lines here: it answers each SYN, and
speaks first, since a connection to a forward is the host's alone until the guest has said something.
"""

import json
import os
import re
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from table import Table, interleave
from tcp import DEBIAN_PASST, GUEST_ADDRESS, ON_POD, OURS, QUIET, private_mib, wanted

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
FIRST_PORT = 10_000
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
RULES = 10_000 if FILES >= 25_000 else 9_000  # half of the files are for flows
FILES_OF_ALL = 200_000
LINE_MOST = 1 << 22
PATIENCE_S = 20


def checksum(data):
    """RFC 1071, of an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Guest(threading.Thread):
    """On the stream socket: takes every connection over IPv4 to any port, says a word, and acknowledges whatever comes."""

    MAC = bytes.fromhex("525400123456")

    def __init__(self, path):
        super().__init__(daemon=True)
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.link.connect(path)
        self.start()

    def run(self):
        rest = b""
        while data := self.link.recv(1 << 16):
            rest += data
            while len(rest) >= 4 and len(rest) >= 4 + (length := struct.unpack("!I", rest[:4])[0]):
                self.take(rest[4 : 4 + length])
                rest = rest[4 + length :]

    def take(self, frame):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return
        ip, tcp = frame[14:34], frame[34:]
        far_port, port, seq, ack = struct.unpack("!HHII", tcp[:12])
        flags = tcp[13]
        payload = struct.unpack("!H", ip[2:4])[0] - 20 - (tcp[12] >> 4) * 4
        to = (frame[6:12], ip[12:16], far_port, port)
        if flags & 4:
            return
        if flags & 2:
            self.send(to, 1000, seq + 1, 0x12)
        elif ack == 1001:
            self.send(to, 1001, seq, 0x18, b"hello")
        elif payload or flags & 1:
            self.send(to, ack, seq + payload + (flags & 1), 0x11 if flags & 1 else 0x10)

    def send(self, to, seq, ack, flags, payload=b""):
        mac, far, far_port, port = to
        here = socket.inet_aton(GUEST_ADDRESS)
        tcp = struct.pack("!HHIIBBHHH", port, far_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, flags, 65535, 0, 0) + payload
        pseudo = here + far + struct.pack("!BBH", 0, 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp + b"\0" * (len(tcp) % 2))) + tcp[18:]
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, here, far)
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        frame = mac + self.MAC + b"\x08\x00" + ip + tcp
        frame += b"\0" * (60 - len(frame))
        self.link.sendall(struct.pack("!I", len(frame)) + frame)


class Control:
    """The control socket: a line there, a line back."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rb")

    def ask(self, **request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(self.lines.readline(LINE_MOST))
        if "error" in answer:
            raise SystemExit(f"{str(request)[:80]}: {answer['error']}")
        return answer["answer"]

    def set(self, rules):
        """Seconds until the answer is there."""
        began = time.perf_counter()
        answer = self.ask(request="set-forwards", rules=rules)
        spent = time.perf_counter() - began
        refused = [f for f in answer["forwards"] if f.get("refusal")]
        if refused:
            raise SystemExit(f"refused: {refused[:3]}")
        return spent


def start(command, path, *more, until=None):
    """Ready as soon as `until`, by default the socket for the guest, is there: what it serves it listens at then."""
    process = subprocess.Popen([*ON_POD, *command, "-f", "-q", "-s", path, *more], **QUIET)
    end = time.monotonic() + PATIENCE_S
    while not os.path.exists(until or path):
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"{command[0]} does not serve {path}")
        time.sleep(0.01)
    time.sleep(0.1)
    return process


def stop(process):
    process.terminate()
    process.wait(PATIENCE_S)


def until_heard(port):
    """Connects again and again until the guest's word is there."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            with socket.create_connection((GUEST_ADDRESS, port), 1) as there:
                there.settimeout(1)
                if there.recv(5):
                    return
        except OSError:
            pass  # not yet
    raise SystemExit(f"port {port} does not work")


def applied(table, control, work):
    ports = iter(range(FIRST_PORT, FIRST_PORT + 4 * ROUNDS))

    def one():
        port = next(ports)
        began = time.perf_counter()
        control.set([f"tcp:{port}:80"])
        until_heard(port)
        return (time.perf_counter() - began) * 1e3

    def by_command():
        port = next(ports)
        began = time.perf_counter()
        ctl = [str(Path(OURS[0]).with_name("passatelli")), "ctl", "--socket", f"{work}/control", "forwards", "set", f"tcp:{port}:80"]
        subprocess.run(ctl, check=True, **QUIET)
        until_heard(port)
        return (time.perf_counter() - began) * 1e3

    one()
    if wanted("forward-apply"):
        table.row("forward-apply", "ms", [one() for _ in range(ROUNDS)])
    if wanted("forward-apply-ctl"):
        table.row("forward-apply-ctl", "ms", [by_command() for _ in range(ROUNDS)])


def replaced(table, control):
    even = [f"tcp:{FIRST_PORT + 3 * i}:80" for i in range(RULES)]
    other = even[: RULES // 2] + [f"tcp:{FIRST_PORT + 3 * i + 1}:80" for i in range(RULES // 2, RULES)]
    control.set(even)
    times = []
    for _ in range(ROUNDS):
        times.append(control.set(other) * 1e3)
        times.append(control.set(even) * 1e3)
    table.row(f"forward-replace-{RULES}", "ms", times)
    control.set([])


def slab_mib():
    text = Path("/proc/meminfo").read_text()
    return int(re.search(r"^Slab:\s+(\d+) kB", text, re.M).group(1)) / 1024


def many_ports(command, path, ports):
    """Private memory of the process, and what the kernel's slabs grew by, MiB."""
    before = slab_mib()
    process = start(command, path, "-t", ports, "-u", ports)
    try:
        time.sleep(1.5)  # the garbage of the start is gone: a figure, not a test
        return private_mib(process.pid), slab_mib() - before
    finally:
        stop(process)
        if os.path.exists(path):
            os.unlink(path)
        time.sleep(1)  # the kernel frees sockets a little later


def memory(table, work):
    """All ports take a descriptor each; where the machine does not allow so many files, as many ports as fit, under another name."""
    row, ports = ("memory-all", "all") if FILES >= FILES_OF_ALL else ("memory-8000", "10001-14000")
    results = interleave(
        3,
        lambda: many_ports(OURS, f"{work}/all-ours", ports),
        lambda: many_ports(DEBIAN_PASST, f"{work}/all-passt", ports),
    )
    for name, of in ((row, sum), (f"{row}-private", lambda r: r[0]), (f"{row}-kernel", lambda r: r[1])):
        table.row(name, "MiB", [of(r) for r in results[0]], [of(r) for r in results[1]], "passt")


def main():
    table = Table("forwards")
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        if wanted("forward-apply", "forward-apply-ctl", f"forward-replace-{RULES}"):
            process = start(OURS, f"{work}/ours", "--runas", "0", "--control", f"{work}/control", until=f"{work}/control")
            try:
                Guest(f"{work}/ours")
                control = Control(f"{work}/control")
                applied(table, control, work)
                if wanted(f"forward-replace-{RULES}"):
                    replaced(table, control)
            finally:
                stop(process)
        if wanted("memory-all", "memory-8000"):
            memory(table, work)
    table.finish()


if __name__ == "__main__":
    main()
