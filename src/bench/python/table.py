"""Rows of a benchmark: medians of interleaved rounds, a table on standard output, a JSON line each in docs/bench/history.jsonl."""

import json
import os
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HISTORY = Path(os.environ.get("BENCH_HISTORY") or ROOT / "docs" / "bench" / "history.jsonl")


def git(*words):
    """What git says, or None: a tree need not be a repository of this user."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def commit():
    """The commit that is measured; a tree with changes says so."""
    head = git("rev-parse", "--short=12", "HEAD")
    if head is None:
        return "unknown"
    return head + ("+" if git("status", "--porcelain", "--", "src/main", "pom.xml") else "")


def interleave(rounds, *measures):
    """Calls the measures in turn, `rounds` times; returns a list of results for each."""
    results = [[] for _ in measures]
    for _ in range(rounds):
        for measure, into in zip(measures, results):
            into.append(measure())
    return results


class Table:
    """Collects the rows of one benchmark."""

    def __init__(self, bench):
        self.bench = bench
        self.rows = []
        self.rising = set()
        self.commit = commit()

    def row(self, name, unit, ours, peer=None, peer_name=None, more_is_better=False):
        """One row from the rounds' figures; `peer` None: nobody to compare with."""
        if more_is_better:
            self.rising.add(name)
        mine = statistics.median(ours)
        theirs = statistics.median(peer) if peer else None
        self.rows.append(
            {
                "bench": self.bench,
                "row": name,
                "unit": unit,
                "ours": round(mine, 6),
                "peer": round(theirs, 6) if theirs is not None else None,
                "peerName": peer_name if theirs is not None else None,
                "ratio": round(mine / theirs, 3) if theirs else None,
                "commit": self.commit,
            }
        )

    def finish(self):
        """Prints the table and appends it to the history."""
        width = max(24, *(len(r["row"]) + 2 for r in self.rows))
        print(f"{'row':<{width}}{'unit':>10}{'ours':>12}{'peer':>12}  {'peer':<10}{'ours/peer':>10}  better")
        for r in self.rows:
            peer = f"{r['peer']:.6g}" if r["peer"] is not None else "-"
            ratio = f"{r['ratio']:.3f}" if r["ratio"] is not None else "-"
            print(f"{r['row']:<{width}}{r['unit']:>10}{r['ours']:>12.6g}{peer:>12}  {r['peerName'] or '-':<10}{ratio:>10}  {'above 1' if r['row'] in self.rising else 'below 1'}")
        HISTORY.parent.mkdir(parents=True, exist_ok=True)
        with HISTORY.open("a") as out:
            for r in self.rows:
                out.write(json.dumps(r, separators=(",", ":")) + "\n")
