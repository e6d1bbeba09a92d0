"""Tables, tests and notes of a geographically weighted regression."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet, two_sided_p
from nqp_spatial.core.resampling import permutation_p
from nqp_spatial.core.text import t
from nqp_spatial.regression._local_models import LocalData, condition_numbers, fitted_model

__all__ = [
    "bandwidth_frame",
    "coefficient_frame",
    "criteria_frame",
    "local_notes",
    "unit_frame",
    "variation_tests",
]

#: Condition number from which local coefficients are unreliable (Belsley, Kuh and Welsch 1980).
COLLINEAR = 30.0


def bandwidth_frame(
    estimated: Any, names: list[str], size: float, *, multiscale: bool
) -> pd.DataFrame:
    """Return the bandwidth and the effective parameters of each coefficient."""
    k = len(names)
    values = np.asarray(estimated.model.bws if multiscale else [size] * k, dtype=float)
    shares = estimated.ENP_j if multiscale else np.full(k, estimated.ENP / k)
    return pd.DataFrame(
        {"bandwidth": values, "effective_parameters": np.asarray(shares, dtype=float)},
        index=pd.Index(names, name="variable"),
    )


def coefficient_frame(estimated: Any, rows: pd.Index, bandwidths: pd.DataFrame) -> pd.DataFrame:
    """Return coefficients and their inference by observation and variable."""
    n = len(estimated.params)
    estimates, errors = np.asarray(estimated.params), np.asarray(estimated.bse)
    statistic = estimates / errors
    p = two_sided_p(statistic, n - 1)
    corrected = np.minimum(1.0, p * bandwidths["effective_parameters"].to_numpy())
    k = len(bandwidths)
    codes = np.repeat(np.arange(n), k)
    levels = {name: rows.get_level_values(name)[codes] for name in rows.names}
    levels["variable"] = np.tile(bandwidths.index, n)
    index = pd.MultiIndex.from_arrays(list(levels.values()), names=list(levels))
    columns = {"estimate": estimates, "std_error": errors, "statistic": statistic, "p_value": p,
               "p_corrected": corrected}  # fmt: skip
    return pd.DataFrame({name: np.ravel(values) for name, values in columns.items()}, index=index)


def unit_frame(estimated: Any, rows: pd.Index, *, multiscale: bool) -> pd.DataFrame:
    """Return what is known of each observation besides its coefficients."""
    n, k = estimated.params.shape
    missing = np.full(n, np.nan)
    weights = estimated.W if multiscale else [estimated.W] * k
    return pd.DataFrame(
        {
            "fitted": np.ravel(estimated.predy),
            "residual": np.ravel(estimated.resid_response),
            "local_r2": missing if multiscale else np.ravel(estimated.localR2),
            "influence": missing if multiscale else np.ravel(estimated.influ),
            "condition_number": condition_numbers(np.asarray(estimated.X), weights),
        },
        index=rows,
    )


def criteria_frame(estimated: Any, everywhere: Any) -> pd.DataFrame:
    """Return measures of fit of the local and of the global model."""
    measures = {"aicc": "aicc", "aic": "aic", "bic": "bic", "rsquared": "R2", "sigma2": "sigma2",
                "effective_parameters": "tr_S"}  # fmt: skip
    columns = {
        name: [float(getattr(result, attribute)) for attribute in measures.values()]
        for name, result in {"local": estimated, "global": everywhere}.items()
    }
    return pd.DataFrame(columns, index=pd.Index(list(measures), name="measure"))


def variation_tests(
    data: LocalData,
    estimated: Any,
    names: list[str],
    size: float,
    permutations: int,
    seed: int | None,
    *,
    n_units: int,
    multiscale: bool,
) -> TestSet:
    """Compare the standard deviation of coefficients with that after random relocations."""
    if not permutations:
        return TestSet()
    words = [
        (t("varies: {variable}", variable=name),
         t("the coefficient of {variable} is the same everywhere", variable=name))
        for name in names
    ]  # fmt: skip
    if multiscale:
        reason = t("several bandwidths would have to be searched for each relocation")
        return TestSet([NotApplicable(*pair, reason) for pair in words])
    spread = np.asarray(estimated.params).std(axis=0)
    rng, extreme = np.random.default_rng(seed), np.zeros(len(names), dtype=int)
    places = data.coordinates.reshape(n_units, -1, data.coordinates.shape[1])
    for _ in range(permutations):
        relocated = places[rng.permutation(n_units)].reshape(data.coordinates.shape)
        moved = replace(data, coordinates=relocated)
        extreme += np.asarray(fitted_model(moved, size).params).std(axis=0) >= spread
    rule = t("{count} relocations at the same bandwidth; the statistic is the standard deviation",
             count=permutations)  # fmt: skip
    return TestSet(
        HypothesisTest(*pair, float(value), "permutation", None,
                       float(permutation_p(count, permutations)), rule)
        for pair, value, count in zip(words, spread, extreme, strict=True)
    )  # fmt: skip


def local_notes(
    units: pd.DataFrame, bandwidths: pd.DataFrame, *, fixed: bool, n_units: int
) -> tuple[str, ...]:
    """Return what to know about local coefficients before they are read."""
    n = len(units)
    notes: list[str] = []
    condition = units["condition_number"]
    if (condition > COLLINEAR).any():
        notes.append(
            t("local collinearity: the condition number exceeds {limit:g} around {count} of "
              "{total} observations; coefficients there may be large, of opposite signs, and vary "
              "although the true ones do not",
              limit=COLLINEAR, count=int((condition > COLLINEAR).sum()), total=n)
        )  # fmt: skip
    if not fixed and (bandwidths["bandwidth"] >= n).any():
        names = bandwidths.index[bandwidths["bandwidth"] >= n]
        notes.append(
            t("the bandwidth of {names} is all observations: the coefficients hardly vary",
              names=", ".join(names))
        )  # fmt: skip
    if n > n_units:
        notes.append(
            t("standard errors treat the observations of a unit over time as independent, and are "
              "too small where they are not")
        )  # fmt: skip
    return tuple(notes)
