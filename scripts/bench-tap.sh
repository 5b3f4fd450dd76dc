#!/bin/bash
# TCP over a TAP beside Debian's pasta and slirp4netns: throughput, stalls, round trips, connections, processor time; bare veth in the same rounds.
# Root; namespaces of its own. Appends to docs/bench/history.jsonl. ROWS="PATTERN..." chooses rows, BENCH_ROUNDS their rounds;
# with PASSATELLI_BIN it is pasta beside itself.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lab.sh
. scripts/lab.sh
lab=bench$$
trap 'lab_down "$lab"; for vm in ours pasta slirp small; do ip netns delete "$lab-$vm" 2> /dev/null || true; done' EXIT
mkdir -p target/bench
gcc -std=gnu17 -O3 -Wall -Wextra -Werror -o target/bench/tcpload src/bench/c/tcpload.c
lab_up "$lab"
python3 src/bench/python/tap.py "$lab"
