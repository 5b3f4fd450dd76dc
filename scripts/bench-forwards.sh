#!/bin/bash
# Forwards of a running passt: how soon one works, how long 10,000 take; and the memory of many ports beside Debian's passt.
# Root; namespaces of its own. Appends to docs/bench/history.jsonl. ROWS="PATTERN..." chooses rows, BENCH_ROUNDS their rounds.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lab.sh
. scripts/lab.sh
lab=bench$$
trap 'lab_down "$lab"' EXIT
lab_up "$lab"
ip netns exec "$lab-peer" python3 src/bench/python/forwards.py "$lab"
