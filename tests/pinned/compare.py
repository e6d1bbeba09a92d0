"""Calculate the numbers, write the file of reference, compare with it, measure the noise."""

from __future__ import annotations

import json
import math
import platform
import subprocess
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nqp_spatial as nq
from tests.pinned import (
    convergence,
    data,
    dynamics,
    indices,
    regression,
    spillovers,
    weights,
)
from tests.pinned.cases import CASES, SMALLEST, Case, Numbers

TABLES = (weights, indices, dynamics, convergence, regression, spillovers)  # they fill CASES
FILE = Path(__file__).parent.parent / "reference" / "numbers_0_1_0.json"
LIBRARIES = ("numpy", "scipy", "pandas", "geopandas", "shapely", "libpysal", "numba", "statsmodels")


def calculated(entry: Case) -> Numbers:
    """Return the numbers of a case; warnings of the package are expected and not shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return entry.numbers()


def difference(new: float, old: float) -> float:
    """Return the relative difference; numbers near zero count as `SMALLEST`."""
    if math.isnan(new) or math.isnan(old):
        return 0.0 if math.isnan(new) and math.isnan(old) else math.inf
    if math.isinf(new) or math.isinf(old):
        return 0.0 if new == old else math.inf
    return abs(new - old) / max(abs(old), SMALLEST)


def differences(new: Numbers, old: Numbers) -> dict[str, float]:
    """Return the relative difference of each number; one that either lacks is infinitely far."""
    return {
        label: difference(new[label], old[label]) if label in new and label in old else math.inf
        for label in {**old, **new}
    }


def reference() -> dict[str, Numbers]:
    """Return what the file holds, by case."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))["cases"]
    return {
        name: {label: float(value) for label, value in numbers.items()}
        for name, numbers in stored.items()
    }


def head() -> dict[str, Any]:
    """Return what the numbers were made by."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, cwd=FILE.parent
    ).stdout.strip()
    return {
        "nqp_spatial": nq.__version__,
        "commit": commit,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def write() -> None:
    """Write the file; a float is written with the digits that give it back, 17 at most."""
    numbers = {name: calculated(entry) for name, entry in CASES.items()}
    text = json.dumps({**head(), "cases": numbers}, indent=1, ensure_ascii=False)
    FILE.write_text(text + "\n", encoding="utf-8")
    print(f"{sum(map(len, numbers.values()))} numbers of {len(numbers)} cases in {FILE}")


def compare() -> int:
    """Print the largest difference of each case; return how many are beyond their tolerance."""
    beyond = 0
    for name, old in reference().items():
        entry = CASES[name]
        start = time.perf_counter()
        apart = differences(calculated(entry), old)
        seconds = time.perf_counter() - start
        worst = max(apart, key=lambda label: apart[label])
        failed = apart[worst] > entry.tolerance
        beyond += failed
        print(
            f"{name:40}{apart[worst]:10.1e} of {entry.tolerance:.0e}{' !' * failed:3}"
            f"{seconds:6.2f} s  {worst}"
        )
    return beyond


def noise(rounds: int = 5) -> None:
    """Print how far each case moves when last digits and the order of rows are disturbed."""
    old = {name: calculated(entry) for name, entry in CASES.items()}
    widest: dict[str, tuple[float, str]] = dict.fromkeys(CASES, (0.0, ""))
    for seed in range(rounds):
        data.disturb(seed)
        for name, entry in CASES.items():
            apart = differences(calculated(entry), old[name])
            label = max(apart, key=lambda label: apart[label])
            widest[name] = max(widest[name], (apart[label], label))
    for name, (value, label) in widest.items():
        tight = 100 * value > CASES[name].tolerance
        print(f"{name:40}{value:10.1e} of {CASES[name].tolerance:.0e}{' !' * tight:3} {label}")
