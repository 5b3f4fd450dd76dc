"""Our data plane over a TAP, as a test program: the pasta role is not there yet."""

import subprocess
from pathlib import Path

from table import ROOT

FLAGS = "--enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow -XX:CompileCommand=quiet -XX:CompileCommand=dontinline,io/passatelli/os/LibC.call -XX:+UseSerialGC -XX:+UseCompactObjectHeaders -Xmx48m -ea:io.passatelli..."


def our_tap(pod, guest, *words):
    """The process, in the namespace `pod`, once the guest's end of the TAP is up; `words` are further arguments of TapPlane."""
    java = Path((ROOT / "target/passatelli/lib/java-home").read_text().strip()) / "bin/java"
    classes = f"{ROOT}/target/classes:{ROOT}/target/test-classes:{ROOT}/target/passatelli/lib/*"
    process = subprocess.Popen(
        ["ip", "netns", "exec", pod, java, *FLAGS.split(), "-cp", classes, "io.passatelli.lab.TapPlane", f"namespace=/run/netns/{guest}", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    said = process.stdout.readline()
    if said != "ready\n":
        process.kill()
        raise SystemExit(f"the plane over a TAP did not start: {said!r}")
    for command in ("link set tap0 up mtu 65520", "address add 10.77.0.2/24 dev tap0", "route add default via 10.77.0.1"):
        subprocess.run(["ip", "-n", guest, *command.split()], check=True)
    return process
