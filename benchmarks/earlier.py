"""The same calls by an earlier version: ``python -m benchmarks earlier=FOLDER``.

FOLDER is a checkout of that version. Each call of `benchmarks/calls.py` runs in a process of its
own, by either version in turn; the ratio is that of processor time, the smaller of two runs each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.calls import CALLS

HERE = Path(__file__).parent


def timed(name: str, folder: Path) -> dict[str, float]:
    """Run one call by the version in a folder."""
    answer = subprocess.run(
        [sys.executable, str(HERE / "calls.py"), name],
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout.strip().splitlines()[-1])


def rows(folder: str, names: tuple[str, ...] = tuple(CALLS)) -> list[dict]:
    """Compare all calls; those that need no program of others."""
    table = []
    for name in names:
        runs = [(timed(name, HERE.parent), timed(name, Path(folder))) for _ in range(2)]
        ours, theirs = (min(pair[k]["processor"] for pair in runs) for k in (0, 1))
        a, b = (runs[0][k]["value"] for k in (0, 1))
        assert abs(a - b) <= 1e-6 * abs(b), f"{name}: {a} and {b}"
        table.append(
            {
                "case": name,
                "peer": "0.1.0",
                "ours, processor s": ours,
                "peer, processor s": theirs,
                "peer / ours": theirs / ours,
            }
        )
        print(table[-1], flush=True)
    return table
