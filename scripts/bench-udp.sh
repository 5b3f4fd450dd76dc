#!/bin/bash
# UDP beside Debian's passt (stream socket) and pasta (TAP): rates, round trips, processor time. Root; namespaces of its own. Appends to
# docs/bench/history.jsonl. PASSATELLI_BIN="PROGRAM [OPTION...]" measures another program than target/passatelli/bin/passt.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lab.sh
. scripts/lab.sh
lab=bench$$
trap 'lab_down "$lab"; for vm in ours pasta; do ip netns delete "$lab-$vm" 2> /dev/null || true; done' EXIT
mkdir -p target/bench
gcc -std=gnu17 -O2 -Wall -Wextra -Werror -o target/bench/udpload src/bench/c/udpload.c
lab_up "$lab"
# A datagram of 8,000 bytes in one packet: fragments are the kernel's work and nobody's merit.
ip -n "$lab-pod" link set eth0 mtu 9000
ip -n "$lab-peer" link set eth0 mtu 9000
python3 src/bench/python/udp.py "$lab" "$@"
