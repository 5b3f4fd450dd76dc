"""
The results of the microbenchmarks, target/jmh.json, as a table and as lines of the history: time, and NAME-alloc for the bytes allocated.

Exit code 1 if there is a benchmark that allocates: what these measure is on the way of every frame.
"""

import json
import re
import sys

from table import ROOT, Table

RESULTS = ROOT / "target" / "jmh.json"
# -prof gc counts what the harness itself allocates around an iteration too
HARNESS_BYTES = 0.1


def name(result):
    """io.passatelli.bench.FlowTableBench.findMissing with flows=1024: flow-table-find-missing-1024."""
    owner, method = result["benchmark"].split(".")[-2:]
    words = re.findall(r"[A-Z][a-z0-9]*", owner.removesuffix("Bench") + method[0].upper() + method[1:])
    return "-".join([word.lower() for word in words] + list(result.get("params", {}).values()))


def rounds(metric):
    """The figures of all iterations, whose median the table takes."""
    return [figure for fork in metric["rawData"] for figure in fork]


def main():
    table = Table("jmh")
    allocates = []
    for result in json.loads(RESULTS.read_text()):
        table.row(name(result), result["primaryMetric"]["scoreUnit"], rounds(result["primaryMetric"]))
        allocated = rounds(result["secondaryMetrics"]["gc.alloc.rate.norm"])
        table.row(name(result) + "-alloc", "B/op", allocated)
        if min(allocated) > HARNESS_BYTES:
            allocates.append(name(result))
    table.finish()
    if allocates:
        sys.exit("these allocate: " + ", ".join(allocates))


main()
