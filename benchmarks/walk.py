"""The way of one object through the package: ``python -m benchmarks.walk``.

The weights are followed through `fit` and `partitioned`: in how many functions and modules they (or
a matrix made of them) stay, and under how many names. One object that travels has few names.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from scipy import sparse

import nqp_spatial as nq

PACKAGE = str(Path(nq.__file__).parent)
N = 48


def carries_weights(value: Any, depth: int = 3) -> bool:
    """Tell whether a value is the weights, a matrix of units by units, or an object with one."""
    if isinstance(value, nq.weights.SpatialWeights):
        return True
    if sparse.issparse(value) or isinstance(value, np.ndarray):
        return value.shape == (N, N)
    if not depth:
        return False
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, tuple | list):
        parts = list(value)
    elif is_dataclass(value) and not isinstance(value, type):
        parts = list(vars(value).values())
    else:
        return False
    return any(carries_weights(part, depth - 1) for part in parts)


def walk(call: Callable[[], Any]) -> tuple[set[str], set[str], set[str]]:
    """Return the functions, modules and names in which the weights stay while a call runs."""
    functions: set[str] = set()
    modules: set[str] = set()
    names: set[str] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "return":
            inside = {name for name, value in frame.f_locals.items() if carries_weights(value)}
            if inside - {"self"}:
                module = frame.f_code.co_filename.removeprefix(PACKAGE)
                functions.add(f"{module}:{frame.f_code.co_name}")
                modules.add(module)
                names.update(inside - {"self"})
        return trace

    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(None)
    return functions, modules, names


def main() -> None:
    """Print the table."""
    panel = nq.datasets.us_public_capital()
    half = panel.units.to_series().lt("MO").map({True: "first", False: "second"})
    partitioned = nq.spillovers.partitioned
    group = {"group" if "group" in inspect.signature(partitioned).parameters else "groups": half}
    calls: dict[str, Callable[[Any], Any]] = {
        "fit": lambda w: nq.fit("lgsp ~ lpc + lpcap", panel, w),
        "partitioned": lambda w: partitioned("lgsp ~ lpc", panel, w, **group),
    }
    for name, call in calls.items():
        call(nq.weights.contiguity(panel))  # what is compiled and cached by others is there
        weights = nq.weights.contiguity(panel)
        functions, modules, names = walk(lambda call=call, weights=weights: call(weights))
        sys.stdout.write(
            f"{name}: {len(functions)} functions in {len(modules)} modules, {len(names)} names: "
            f"{', '.join(sorted(names))}\n"
        )


if __name__ == "__main__":
    main()
