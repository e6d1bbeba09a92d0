"""Sizes above which random probes replace exact traces, in one place."""

from __future__ import annotations

import numpy as np

__all__ = [
    "BLOCK",
    "CROSS_PROBES",
    "DENSE_CROSS_UP_TO",
    "DENSE_DIAGONALS_UP_TO",
    "DENSE_LOGDET_UP_TO",
    "DENSE_UP_TO",
    "EFFECT_PROBES",
    "EXACT_EFFECTS_UP_TO",
    "PAIR_PROBES",
    "PROBES",
    "REGRESSED_PROBES",
    "SQUARED_LINKS_UP_TO",
    "SQUARE_PROBES",
    "SUM_PROBES",
    "probe_signs",
]

#: Units up to which traces for several rho are computed from one dense inverse.
DENSE_LOGDET_UP_TO = 700
#: Units up to which diagonals and traces of products are exact, by solves for all n columns.
DENSE_UP_TO = 4000
#: Units up to which traces with a second matrix are exact, with one factorisation at each node.
DENSE_CROSS_UP_TO = 1000
#: Units up to which the diagonals and pairs of adjusted scores come from dense matrices.
DENSE_DIAGONALS_UP_TO = 1000
#: Products that the square of W may need, for the exact diagonals of its powers.
SQUARED_LINKS_UP_TO = 200_000_000
#: Columns that are solved for at once, so that memory stays linear in n.
BLOCK = 500
#: Random probes beyond these sizes, for the information and for effects summed over groups or
#: bands.
PROBES, SUM_PROBES = 200, 400
#: And for the trace of a square whose deviations are mostly explained.
SQUARE_PROBES = 16
#: And for traces with a second matrix, at each node.
CROSS_PROBES = 100
#: And for sums over pairs of units, each of which averages over units as well.
PAIR_PROBES = 50
#: And for such sums whose deviations are mostly explained.
REGRESSED_PROBES = 10
#: Units up to which effects that differ between units are exact; and the probes beyond.
EXACT_EFFECTS_UP_TO, EFFECT_PROBES = 600, 32


def probe_signs(n: int, count: int, seed: int | None = 0) -> np.ndarray:
    """Return random signs, shape (n, count): ``E z z' = I``."""
    return np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(n, count))
