#!/bin/bash
# System calls for each 64 KiB and each exchange of TCP, by strace, on the stream socket and a TAP, beside Debian's passt and pasta.
# Root; namespaces of its own. Appends to docs/bench/history.jsonl. ROWS="PATTERN..." chooses rows.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lab.sh
. scripts/lab.sh
lab=bench$$
trap 'lab_down "$lab"; for vm in ours pasta; do ip netns delete "$lab-$vm" 2> /dev/null || true; done' EXIT
mkdir -p target/bench
gcc -std=gnu17 -O3 -Wall -Wextra -Werror -o target/bench/tcpload src/bench/c/tcpload.c
lab_up "$lab"
python3 src/bench/python/syscalls.py "$lab"
