#!/bin/bash
# The KubeVirt sidecar's start, answers and memory, on two cores and on 200 millicores. Root; namespaces and cgroups (v1) of its own. Appends to
# docs/bench/history.jsonl.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lab.sh
. scripts/lab.sh
lab=bench$$
trap 'lab_down "$lab"' EXIT
lab_up "$lab"
python3 src/bench/python/sidecar.py "$lab"
