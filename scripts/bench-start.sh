#!/bin/bash
# Start-up, idle memory and echo round trips beside Debian's passt and pasta. Root; namespaces of its own. Appends to docs/bench/history.jsonl.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lab.sh
. scripts/lab.sh
lab=bench$$
trap 'lab_down "$lab"; ip netns delete "$lab-vm" 2> /dev/null || true' EXIT
lab_up "$lab"
python3 src/bench/python/start.py "$lab"
