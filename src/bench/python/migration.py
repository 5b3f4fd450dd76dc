"""How long nothing is heard of a guest that QEMU migrates from one sidecar's pod to another's."""

import itertools
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from table import ROOT

GUEST = ROOT / "src/test/guest"
PEER_ADDRESS = "10.77.0.3"
PORT = 7190
PATIENCE_S = 60
SCRIPT = f"""
lease || exit 1
syslogd -R {PEER_ADDRESS}:{PORT}
while logger tick; do usleep 5000; done
"""
LISTEN = f"""
import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
    ear.bind(("", {PORT}))
    while True:
        _, (address, _) = ear.recvfrom(2048)
        print(time.monotonic(), address, flush=True)
"""


class Machine:
    """A guest in QEMU under software emulation, on the socket of a sidecar; `incoming`: it waits for another one's memory there."""

    numbers = itertools.count()

    def __init__(self, work, kernel, link, incoming=None):
        self.control = work / f"control{next(self.numbers)}"
        words = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "q35", "-m", "256", "-nodefaults", "-display", "none"]
        words += ["-kernel", f"{kernel}/vmlinuz", "-initrd", f"{work}/initrd"]
        words += ["-append", "console=ttyS0 quiet panic=-1 nokaslr mitigations=off no_timer_check"]
        words += ["-serial", f"file:{self.control}.console", "-object", "rng-random,id=rng,filename=/dev/urandom"]
        words += ["-device", "virtio-rng-pci,rng=rng,romfile=", "-device", "virtio-net-pci,netdev=n,mac=52:54:00:12:34:56,romfile="]
        words += ["-netdev", f"stream,id=n,server=off,addr.type=unix,addr.path={link}"]
        words += ["-qmp", f"unix:{self.control},server=on,wait=off"]
        words += ["-incoming", f"unix:{incoming}"] if incoming else []
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.qmp = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.qmp.connect(str(self.control))
                break
            except OSError:
                self.qmp.close()
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("QEMU does not start") from None
                time.sleep(0.02)
        self.lines = self.qmp.makefile()
        self.lines.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.qmp.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        for line in self.lines:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise SystemExit(f"QEMU refuses {command}: {answer['error']}")
        raise SystemExit(f"QEMU has ended before it answered {command}")

    def migrate(self, to):
        """Until the guest runs there."""
        self.ask("migrate", uri=f"unix:{to}")
        deadline = time.monotonic() + PATIENCE_S
        while (state := self.ask("query-migrate"))["status"] != "completed":
            if state["status"] == "failed" or time.monotonic() > deadline:
                raise SystemExit(f"the migration does not come to its end: {state}")
            time.sleep(0.01)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.lines.close()
        self.qmp.close()


class Passt:
    """Debian's passt, where a sidecar might be."""

    def __init__(self, pod):
        self.hooks = Path(tempfile.mkdtemp())
        place = self.hooks / "net/0.sock"
        place.parent.mkdir()
        words = ["ip", "netns", "exec", pod, "/usr/bin/passt", "-f", "--runas", "0", "-s", str(place)]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while not place.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("passt does not start")
            time.sleep(0.01)

    def define(self, vmi):
        """It is told nothing of VMs."""

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.hooks)


class Ear:
    """Hears, in the namespace of the peer, when a datagram came and from which pod."""

    def __init__(self, peer):
        words = ["ip", "netns", "exec", peer, "python3", "-c", LISTEN]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.heard = []
        self.rest = ""

    def read(self):
        try:
            more = os.read(self.process.stdout.fileno(), 1 << 20).decode()
        except BlockingIOError:
            return
        *whole, self.rest = (self.rest + more).split("\n")
        self.heard += [(float(when), address) for when, address in (line.split() for line in whole)]

    def await_from(self, address, since=0.0):
        """The first behind a moment."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.read()
            found = [when for when, its in self.heard if its == address and when > since]
            if found:
                return found[0]
            if time.monotonic() > deadline:
                raise SystemExit(f"nothing is heard from {address}")
            time.sleep(0.01)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def gaps(lab, rounds, sidecar, vmi):
    """Milliseconds of silence of each migration of one guest, to and fro. `sidecar(pod)` starts one there."""
    beside = f"{lab}b"
    subprocess.run([ROOT / "scripts/lab.sh", "beside", beside, lab], check=True)
    work = Path(tempfile.mkdtemp())
    (work / "script").write_text(SCRIPT)
    kernel = subprocess.run([GUEST / "pack", work / "script", work / "initrd"], check=True, capture_output=True, text=True).stdout.strip()
    pods = itertools.cycle([(f"{lab}-pod", "10.77.0.2"), (f"{beside}-pod", "10.78.0.2")])
    ear, used, silences = Ear(f"{lab}-peer"), [], []
    try:
        pod, here = next(pods)
        source = sidecar(pod)
        used.append(source)
        source.define(vmi)
        machine = Machine(work, kernel, source.hooks / "net/0.sock")
        used.append(machine)
        ear.await_from(here)
        for number in range(rounds):
            pod, there = next(pods)
            target = sidecar(pod)
            used.append(target)
            target.define(vmi.replace(b'"status":{', b'"status":{"migrationState":{"targetNode":"b"},', 1))
            memory = work / f"memory{number}"
            moved = Machine(work, kernel, target.hooks / "net/0.sock", memory)
            used.append(moved)
            began = time.monotonic()
            machine.migrate(memory)
            first = ear.await_from(there, began)
            last = max(when for when, its in ear.heard if its == here and when < first)
            silences.append((first - last) * 1e3)
            for gone in (machine, source):
                gone.close()
                used.remove(gone)
            machine, source, here = moved, target, there
        return silences
    finally:
        for left in reversed(used):
            left.close()
        ear.close()
        shutil.rmtree(work)
        subprocess.run([ROOT / "scripts/lab.sh", "down", beside], check=True)
