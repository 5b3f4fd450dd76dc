#!/bin/bash
# TCP on the stream socket beside Debian's passt: throughput, round trips, connections, memory, processor time; bare veth in the same rounds.
# Root; namespaces of its own. Appends to docs/bench/history.jsonl. ROWS="PATTERN..." chooses rows, BENCH_ROUNDS their rounds,
# PASSATELLI_BIN="PROGRAM [OPTION...]" measures another program than target/passatelli/bin/passt.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lab.sh
. scripts/lab.sh
lab=bench$$
trap 'lab_down "$lab"' EXIT
mkdir -p target/bench
gcc -std=gnu17 -O3 -Wall -Wextra -Werror -o target/bench/tcpload src/bench/c/tcpload.c
lab_up "$lab"
python3 src/bench/python/stream.py "$lab"
