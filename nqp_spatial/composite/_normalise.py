"""Indicators of different units made comparable: between minimum and maximum, or otherwise."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import period_like
from nqp_spatial.errors import DomainError, OptionError, PanelError, sample

__all__ = ["Normalisation", "normalised"]

Scaled = tuple[np.ndarray, dict[str, np.ndarray]]
Normalisation = Literal["min-max", "min-max-by-period", "z-score", "target", "base-year"]


def normalised(
    panel: SpatialPanel,
    directions: Mapping[str, str],
    how: Normalisation,
    *,
    targets: Mapping[str, tuple[float, float]] | None = None,
    base_period: Hashable | None = None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return scaled indicators, larger is better, and the numbers they were scaled by.

    Returns
    -------
    values : ndarray
        Shape (units, periods, indicators).
    steps : DataFrame
        By indicator: ``direction``, and ``min, max``, ``mean, std``, ``worst, best`` or ``base``.

    Raises
    ------
    OptionError
        If a direction is unknown, or targets or the base are absent.
    DomainError
        If an indicator is constant.
    """
    if wrong := {name: sign for name, sign in directions.items() if sign not in ("+", "-")}:
        raise OptionError(f"the direction of an indicator is '+' or '-'; got {wrong}")
    panel.require_columns(directions)
    x = np.stack([panel.values(name) for name in directions], axis=2)
    names = list(directions)
    sign = np.array([1.0 if direction == "+" else -1.0 for direction in directions.values()])
    # A constant leaves differences of rounding only.
    varies = np.ptp(x, axis=(0, 1)) > 1e-12 * np.abs(x).max(axis=(0, 1))
    if constant := [name for name, varying in zip(names, varies, strict=True) if not varying]:
        raise DomainError(
            f"indicators are constant and carry no information: {sample(constant)}; drop them"
        )
    if how in ("min-max", "min-max-by-period"):
        values, steps = _min_max(panel, x, sign, names, by_period=how == "min-max-by-period")
    elif how == "z-score":
        mean, std = x.mean(axis=(0, 1)), x.std(axis=(0, 1))
        values, steps = sign * (x - mean) / std, {"mean": mean, "std": std}
    elif how == "target":
        values, steps = _between_targets(x, sign, names, targets)
    else:
        values, steps = _ratios(panel, x, sign, names, base_period)
    index = pd.Index(names, name="indicator")
    return values, pd.DataFrame({"direction": list(directions.values()), **steps}, index)


def _min_max(
    panel: SpatialPanel, x: np.ndarray, sign: np.ndarray, names: list[str], *, by_period: bool
) -> Scaled:
    axis = (0,) if by_period else (0, 1)
    low, high = x.min(axis=axis, keepdims=True), x.max(axis=axis, keepdims=True)
    if (flat := high - low <= 1e-12 * np.maximum(np.abs(high), np.abs(low))).any():
        cells = [(names[j], panel.periods[t]) for _, t, j in np.argwhere(flat)]
        raise DomainError(f"indicators are constant in a period: {sample(cells)}")
    share = (x - low) / (high - low)
    steps = {"min": x.min(axis=(0, 1)), "max": x.max(axis=(0, 1))}
    return np.where(sign > 0, share, 1 - share), steps


def _between_targets(
    x: np.ndarray,
    sign: np.ndarray,
    names: list[str],
    targets: Mapping[str, tuple[float, float]] | None,
) -> Scaled:
    if targets is None or set(targets) != set(names):
        raise OptionError(
            "normalisation by targets needs targets={indicator: (worst, best)} of each "
            f"indicator; absent: {sample(sorted(set(names) - set(targets or {})))}"
        )
    worst, best = _targets(targets, names)
    if (bad := ~(sign * (best - worst) > 0)).any():
        raise OptionError(
            f"the best must lie beyond the worst in the indicator's direction; not for "
            f"{sample([name for name, wrong in zip(names, bad, strict=True) if wrong])}"
        )
    # Beyond a target is as good as at it.
    return np.clip((x - worst) / (best - worst), 0, 1), {"worst": worst, "best": best}


def _ratios(
    panel: SpatialPanel,
    x: np.ndarray,
    sign: np.ndarray,
    names: list[str],
    base_period: Hashable | None,
) -> Scaled:
    base = None if base_period is None else period_like(base_period, panel.periods)
    if base not in panel.periods:
        raise PanelError(
            f"normalisation by a base year needs base_period=, one of {sample(panel.periods, 20)}; "
            f"got {base!r}"
        )
    positive = np.atleast_1d((x > 0).all(axis=(0, 1)))
    if not positive.all():
        wrong = [name for name, good in zip(names, positive, strict=True) if not good]
        raise DomainError(f"ratios to a base year need positive values; not so: {sample(wrong)}")
    mean = x[:, panel.periods.get_loc(base)].mean(axis=0)
    return np.where(sign > 0, x / mean, mean / x), {"base": mean}


def _targets(
    targets: Mapping[str, tuple[float, float]], names: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return worst and best of each indicator, or raise `OptionError`."""
    try:
        pairs = np.array([targets[name] for name in names], dtype=float)
    except (TypeError, ValueError):
        pairs = np.empty((0, 0))
    if pairs.shape != (len(names), 2) or not np.isfinite(pairs).all():
        raise OptionError(f"targets must be two finite numbers, (worst, best), each; got {targets}")
    return pairs[:, 0], pairs[:, 1]
