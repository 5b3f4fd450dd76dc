"""
The KubeVirt sidecar: how long until virt-launcher can see its hook socket, what that costs, how fast it answers on 200 millicores, its memory,
how long a guest is not heard that is migrated to another one, and TCP through it beside the passt role.

Called by scripts/bench-sidecar.sh as root, with the name of a lab (scripts/lab.sh) that is up: the sidecar runs in its pod as uid 107, in cgroups
(v1: cpu, cpuacct, memory) of its own. ROWS="PATTERN..." chooses rows.
"""

import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from migration import Passt, gaps
from table import ROOT, Table, interleave
from tcp import LAB, OURS, POD, Load, passt, private_mib, stop, wanted

ROUNDS = int(os.environ.get("BENCH_ROUNDS") or 7)
PROGRAM = str(ROOT / "target/passatelli/bin/passatelli")
USER = 107
RECORDED = ROOT / "src/test/resources/kubevirt/domain/ports"  # two ports: a thousand listeners are another subject
CALLS = [(RECORDED / f"call{n}.xml").read_bytes() for n in (1, 2, 3)]
VMI = (RECORDED / "vmi.json").read_bytes()
LISTENERS = "tcp:20000-28999"  # as many as fit into the open files that this machine allows
HELLO = bytes.fromhex("ffffffffffff525400123456" "08060001080006040001" "525400123456" "0a4d0002" "000000000000" "0a4d0001")
PERIOD_US = 100_000
PATIENCE_S = 60
IDLE_S = 10
WHOLE_MIB = 192  # what the second stage needs
LISTEN = "0A"  # of /proc/net/tcp
VM_PORT = 2222  # forwarded for the recorded VM
QEMU_RECONNECT_S = 0.5  # what the domain's XML says
PORT = 7170  # of the load program beside the sidecar; it listens behind the next one
ROLE_PORT = 7180
WARM_UP_MS = 1_000
TRANSFER_MS = 600


class Groups:
    """One cgroup in each hierarchy, below ours."""

    numbers = itertools.count()

    def __init__(self, millicores=None, memory_mib=None):
        own = dict(line.split(":")[1:3] for line in Path("/proc/self/cgroup").read_text().splitlines())
        name = f"passatelli-bench-{os.getpid()}-{next(self.numbers)}"
        self.paths = {c: Path("/sys/fs/cgroup") / c / own[c].lstrip("/") / name for c in ("cpu", "cpuacct", "memory")}
        for path in self.paths.values():
            path.mkdir()
        if millicores:
            (self.paths["cpu"] / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.paths["cpu"] / "cpu.cfs_quota_us").write_text(str(millicores * PERIOD_US // 1_000))

        if memory_mib:
            (self.paths["memory"] / "memory.limit_in_bytes").write_text(str(memory_mib << 20))

    def peak_mib(self):
        """Of all that was charged to it: the kernel's part too, and files that it was the first to read."""
        return int((self.paths["memory"] / "memory.max_usage_in_bytes").read_text()) / (1 << 20)

    def cpu_seconds(self):
        """Of all that ran in it, the launcher's shell too."""
        return int((self.paths["cpuacct"] / "cpuacct.usage").read_text()) / 1e9

    def pids(self):
        return [int(pid) for pid in (self.paths["cpu"] / "cgroup.procs").read_text().split()]

    def close(self):
        deadline = time.monotonic() + PATIENCE_S
        while self.pids():
            if time.monotonic() > deadline:
                raise SystemExit("the sidecar does not end")
            time.sleep(0.01)
        for path in self.paths.values():
            path.rmdir()


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def field(number, content):
    length, varint = len(content), b""
    while length >= 0x80:
        varint, length = varint + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([number << 3 | 2]) + varint + bytes([length]) + content


def request(method, message):
    """A gRPC call in HTTP/2 frames, headers as literals without indexing."""
    names = [(":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost")]
    names += [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", "20S")]
    headers = b"".join(b"\0" + bytes([len(n)]) + n.encode() + bytes([len(v)]) + v.encode() for n, v in names)
    data = b"\0" + struct.pack("!I", len(message)) + message
    pieces = [data[at : at + 16_384] for at in range(0, len(data), 16_384)]
    frames = [frame(0, 0, 1, piece) for piece in pieces[:-1]] + [frame(0, 1, 1, pieces[-1])]
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(1, 4, 1, headers) + b"".join(frames)


def call(path, method, message=b""):
    """Milliseconds from the connection to the end of a good answer."""
    began = time.perf_counter()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(PATIENCE_S)
        link.connect(str(path))
        link.sendall(request(method, message))
        data, answered = b"", False
        while True:
            while len(data) < 9 or len(data) < 9 + int.from_bytes(data[:3], "big"):
                more = link.recv(65_536)
                if not more:
                    raise SystemExit(f"the sidecar closed the connection in {method}")
                data += more
            length, kind, flags = int.from_bytes(data[:3], "big"), data[3], data[4]
            data = data[9 + length :]
            answered = answered or kind == 0
            if kind == 1 and flags & 1:
                if not answered:
                    raise SystemExit(f"the sidecar refused {method}")
                return (time.perf_counter() - began) * 1e3


class Sidecar:
    """Until its socket is there: `seconds`, and `cpu` seconds of all that ran."""

    def __init__(self, millicores=None, memory_mib=None, pod=POD):
        self.groups = Groups(millicores, memory_mib)
        self.hooks = Path(tempfile.mkdtemp())
        os.chown(self.hooks, USER, USER)
        join = "".join(f"echo $$ > {path}/cgroup.procs; " for path in self.groups.paths.values())
        # not ip-netns(8), which hides /sys/fs/cgroup from what it starts
        shell = f'{join} exec nsenter --net=/run/netns/{pod} setpriv --reuid {USER} --regid {USER} --clear-groups "$@"'
        words = ["sh", "-c", shell, "sh", PROGRAM, "sidecar", "--hook-directory", str(self.hooks)]
        env = {"PATH": os.environ["PATH"], "CONTAINER_NAME": "hook-sidecar-0", "NETWORK_BINDING_PLUGIN_NAME": "passatelli"}
        self.socket = self.hooks / "passatelli-hook-sidecar-0.sock"
        began = time.perf_counter()
        self.process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL)
        while not self.socket.exists():
            if self.process.poll() is not None or time.perf_counter() - began > PATIENCE_S:
                raise SystemExit("the sidecar did not start")
            time.sleep(0.0005)
        self.seconds = time.perf_counter() - began
        self.cpu = self.groups.cpu_seconds()

    def info(self):
        return call(self.socket, "/kubevirt.hooks.info.Info/Info")

    def define(self, vmi=VMI):
        """A VM's start: the slowest of its calls."""
        method = "/kubevirt.hooks.v1alpha3.Callbacks/OnDefineDomain"
        return max(call(self.socket, method, field(1, xml) + field(2, vmi)) for xml in CALLS)

    def connect(self):
        """As QEMU would."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.connect(str(self.hooks / "net/0.sock"))
        return link

    def await_monitor(self):
        """Until the second stage, which a guest that has come brings about, has told its metrics."""
        ask = ["nsenter", f"--net=/run/netns/{POD}", "curl", "-sf", "http://127.0.0.1:15988/metrics"]
        deadline = time.monotonic() + PATIENCE_S
        while subprocess.run(ask, stdout=subprocess.DEVNULL, check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the sidecar has no second stage")
            time.sleep(0.5)

    def jvm(self):
        """The process that does the work; beside it is the launcher, which looks after it. None: there is none now."""
        for pid in self.groups.pids():
            try:
                if Path(f"/proc/{pid}/comm").read_text() == "java\n":
                    return SimpleNamespace(pid=pid)
            except FileNotFoundError:
                pass
        return None

    def private_mib(self):
        return private_mib(self.jvm().pid)

    def close(self):
        call(self.socket, "/kubevirt.hooks.v1alpha3.Callbacks/Shutdown")
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            raise SystemExit("the sidecar does not end after Shutdown") from None
        self.groups.close()
        shutil.rmtree(self.hooks)


def ready(millicores):
    sidecar = Sidecar(millicores)
    sidecar.close()
    return sidecar.seconds, sidecar.cpu


def answers(millicores):
    """Milliseconds of the first Info, and of the slowest OnDefineDomain of the first start."""
    sidecar = Sidecar(millicores)
    try:
        return sidecar.info(), sidecar.define()
    finally:
        sidecar.close()


def without_ports(forward):
    """The same VMI, but for ports: its interface lists none."""
    vmi = json.loads(VMI)
    vmi["metadata"]["annotations"]["passatelli.io/forward"] = forward
    for interface in vmi["spec"]["domain"]["devices"]["interfaces"]:
        interface.pop("ports", None)
    return json.dumps(vmi).encode()


def at_rest(vmi=VMI):
    """
    Private MiB, MiB at most of its group, and milliseconds of processor time in a second, with a guest that says nothing more than that it is there,
    and no second stage.
    """
    sidecar = Sidecar(memory_mib=WHOLE_MIB - 1)
    try:
        sidecar.info()
        sidecar.define(vmi)
        with sidecar.connect() as link:
            link.sendall(struct.pack("!I", len(HELLO)) + HELLO)
            time.sleep(3)  # what the start set in motion has ended
            before = sidecar.groups.cpu_seconds()
            time.sleep(IDLE_S)
            spent = sidecar.groups.cpu_seconds() - before
            return sidecar.private_mib(), sidecar.groups.peak_mib(), spent / IDLE_S * 1e3
    finally:
        sidecar.close()


def whole():
    """Private MiB, and MiB at most of its group, with a guest that says nothing, and the second stage, which was asked once."""
    sidecar = Sidecar(memory_mib=WHOLE_MIB)
    try:
        sidecar.info()
        sidecar.define()
        with sidecar.connect():
            sidecar.await_monitor()
            time.sleep(3)  # what the start set in motion has ended
            return sidecar.private_mib(), sidecar.groups.peak_mib()
    finally:
        sidecar.close()


def restart():
    """
    Seconds from a SIGKILL until all is as it was: the port listens, QEMU, which tries twice a second, is connected and answered, and Info is answered
    under the same name.
    """
    sidecar = Sidecar()
    try:
        sidecar.info()
        sidecar.define()
        killed = sidecar.jvm().pid
        with sidecar.connect() as link:
            ask(link)
            began = time.perf_counter()
            os.kill(killed, signal.SIGKILL)
        answered = again(began, lambda: ask_anew(sidecar), QEMU_RECONNECT_S)
        listens = again(began, lambda: is_listening(sidecar, VM_PORT))
        called = again(began, sidecar.info)
        return max(answered, listens, called)
    finally:
        sidecar.close()


def again(began, attempt, pause=0.005):
    """When it works at last, s."""
    while time.perf_counter() - began < PATIENCE_S:
        try:
            if attempt() is not False:
                return time.perf_counter() - began
        except OSError:
            pass
        time.sleep(pause)
    raise SystemExit("nobody took the killed sidecar's place")


def ask(link):
    """The guest asks for the gateway's MAC, and is answered."""
    mac = b"\x02\0\0\0\0\1"
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + bytes([10, 77, 0, 2]) + bytes(6) + bytes([10, 77, 0, 1])
    question = b"\xff" * 6 + mac + b"\x08\x06" + arp + bytes(18)
    link.settimeout(PATIENCE_S)
    link.sendall(struct.pack("!I", len(question)) + question)
    while True:
        (length,) = struct.unpack("!I", receive(link, 4))
        answer = receive(link, length)
        if answer[12:14] == b"\x08\x06" and answer[20:22] == b"\0\2":
            return


def receive(link, count):
    data = b""
    while len(data) < count:
        more = link.recv(count - len(data))
        if not more:
            raise ConnectionError("the sidecar has gone")
        data += more
    return data


def ask_anew(sidecar):
    with sidecar.connect() as link:
        ask(link)


def is_listening(sidecar, port):
    """In the network of the sidecar, whichever process it is."""
    jvm = sidecar.jvm()
    if jvm is None:
        return False
    tables = "".join(Path(f"/proc/{jvm.pid}/net/{name}").read_text() for name in ("tcp", "tcp6"))
    rows = (line.split() for line in tables.splitlines())
    return any(row[1].endswith(f":{port:04X}") and row[3] == LISTEN for row in rows)


def throughput(table):
    """One connection each way through a sidecar with its second stage, and through the passt role."""
    sidecar = Sidecar()
    work = tempfile.mkdtemp()
    role = passt(OURS, ROLE_PORT, f"{work}/socket")
    loads = []
    try:
        sidecar.define(VMI.replace(b"tcp:2222:22", b"tcp:%d" % (PORT + 1)))
        loads.append(Load("sidecar", PORT, sidecar.jvm(), f"stream={sidecar.hooks}/net/0.sock"))
        loads.append(Load("role", ROLE_PORT, role, f"stream={work}/socket"))
        sidecar.await_monitor()
        for load in loads:
            for verb in ("out", "in") * 2:
                load.ask(verb, 65520, 1, WARM_UP_MS)
        for verb in ("in", "out"):
            answers = interleave(ROUNDS, *(lambda one=one: one.ask(verb, 65520, 1, TRANSFER_MS) for one in loads))
            figures = [[a["bytes"] * 8 / a["seconds"] / 1e9 for a in rounds] for rounds in answers]
            table.row(f"stream-throughput-{verb}", "Gbit/s", *figures, "passt role", True)
    finally:
        for load in loads:
            load.close()
        stop(role)
        sidecar.close()
        shutil.rmtree(work)


def main():
    table = Table("sidecar")
    if wanted("hook-ready-2cores", "hook-cpu"):
        fast = [ready(2_000) for _ in range(ROUNDS)]
        table.row("hook-ready-2cores", "s", [seconds for seconds, _ in fast])
        table.row("hook-cpu", "s", [cpu for _, cpu in fast])
    if wanted("hook-ready-200m"):
        table.row("hook-ready-200m", "s", [ready(200)[0] for _ in range(ROUNDS)])
    if wanted("info-200m", "define-200m"):
        slow = [answers(200) for _ in range(ROUNDS)]
        table.row("info-200m", "ms", [info for info, _ in slow])
        table.row("define-200m", "ms", [define for _, define in slow])
    if wanted("memory-stage1", "memory-stage1-peak", "idle-cpu"):
        rest = [at_rest() for _ in range(3)]
        table.row("memory-stage1", "MiB", [private for private, _, _ in rest])
        table.row("memory-stage1-peak", "MiB", [peak for _, peak, _ in rest])
        table.row("idle-cpu", "ms/s", [cpu for _, _, cpu in rest])
    if wanted("memory-all"):
        swept = [at_rest(without_ports(""))[1] for _ in range(3)]
        real = [at_rest(without_ports(f"none, {LISTENERS}"))[1] for _ in range(3)]
        table.row("memory-all", "MiB", swept, real, "9,000 listeners")
    if wanted("memory-whole", "memory-whole-peak"):
        both = [whole() for _ in range(3)]
        table.row("memory-whole", "MiB", [private for private, _ in both])
        table.row("memory-whole-peak", "MiB", [peak for _, peak in both])
    if wanted("migration-gap"):
        ours = gaps(LAB, ROUNDS, lambda pod: Sidecar(pod=pod), VMI)
        table.row("migration-gap", "ms", ours, gaps(LAB, ROUNDS, Passt, VMI), "passt")
    if wanted("restart-gap"):
        table.row("restart-gap", "s", [restart() for _ in range(ROUNDS)])
    if wanted("stream-throughput-in", "stream-throughput-out"):
        throughput(table)
    table.finish()


main()
