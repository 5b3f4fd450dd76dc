#!/bin/bash
# The KubeVirt sidecar's start and answers, on two cores and on 200 millicores, its memory, and TCP beside the passt role. Root; namespaces and
# cgroups (v1) of its own. Appends to docs/bench/history.jsonl. ROWS="PATTERN..." chooses rows, BENCH_ROUNDS their rounds.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lab.sh
. scripts/lab.sh
lab=bench$$
trap 'lab_down "$lab"b; lab_down "$lab"' EXIT
mkdir -p target/bench
gcc -std=gnu17 -O3 -Wall -Wextra -Werror -o target/bench/tcpload src/bench/c/tcpload.c
lab_up "$lab"
python3 src/bench/python/sidecar.py "$lab"
