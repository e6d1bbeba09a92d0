"""Tables, tests and notes of a panel model with thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, wald_test
from nqp_spatial.core.text import t
from nqp_spatial.regression._model_data import ALL
from nqp_spatial.regression._threshold_data import ThresholdArrays
from nqp_spatial.regression._threshold_regions import region_ends
from nqp_spatial.regression._threshold_search import Moments, Stage, ThresholdSearch
from nqp_spatial.regression.results import RegressionResult

__all__ = [
    "by_regime",
    "equality_tests",
    "profile_frame",
    "search_row",
    "threshold_frame",
    "threshold_notes",
    "threshold_test",
]

_CRITICAL = (0.10, 0.05, 0.01)


def by_regime(
    model: RegressionResult, terms: tuple[str, ...], count: int
) -> tuple[pd.Series, pd.DataFrame]:
    """Return estimates and covariance by (block, variable, part)."""
    regimes = [("x", term, f"regime {number}") for term in terms for number in range(1, count + 1)]
    names = model.params.index.get_level_values("variable")
    others = [("x", str(name), ALL) for name in names[: len(names) - len(regimes)]]
    index = pd.MultiIndex.from_tuples([*others, *regimes], names=["block", "variable", "part"])
    params = pd.Series(model.params.to_numpy(), index=index, name="estimate")
    return params, pd.DataFrame(model.cov.to_numpy(), index=index, columns=index)


def profile_frame(
    search: ThresholdSearch, moments: Moments, stage: Stage, freedom: int
) -> pd.DataFrame:
    """Return sums of squares and likelihood ratios by threshold and candidate."""
    known = np.sort(stage.known, axis=1)
    final = float(stage.squares[0])
    frames = {}
    for position in range(known.shape[1]):
        squares = search.sums_of_squares(moments, np.delete(known, position, axis=1))[0]
        lr = np.maximum(squares - final, 0.0) / (final / freedom)
        lr[known[0, position]] = 0.0
        frames[position + 1] = pd.DataFrame(
            {"squares": squares, "lr": lr}, index=pd.Index(search.candidates, name="gamma")
        )
    profile = pd.concat(frames, names=["threshold"])
    return profile[np.isfinite(profile["squares"])]


def threshold_frame(
    profile: pd.DataFrame, gammas: np.ndarray, q: np.ndarray, level: float
) -> pd.DataFrame:
    rows = []
    for number, gamma in enumerate(gammas, start=1):
        lr = profile.loc[number, "lr"]
        low, high = region_ends(lr.index.to_numpy(), lr.to_numpy(), level)
        share = float((q <= gamma).mean())
        rows.append({"gamma": float(gamma), "conf_low": low, "conf_high": high,
                     "share_below": share})  # fmt: skip
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="threshold"))


def threshold_test(
    statistic: float, samples: np.ndarray, name: str, number: int
) -> HypothesisTest | NotApplicable:
    title = t("threshold {number}", number=number)
    null = t("no threshold of {name}", name=name)
    if number == 2:
        null = t("one threshold of {name}, not two", name=name)
    if number == 3:
        null = t("two thresholds of {name}, not three", name=name)
    if not len(samples):
        return NotApplicable(title, null, t("replications=0: no bootstrap was asked for"))
    p = (1 + float((samples >= statistic).sum())) / (1 + len(samples))
    rule = t("{count} samples of units from the model of the hypothesis", count=len(samples))
    return HypothesisTest(title, null, statistic, "bootstrap", None, p, rule)


def search_row(
    step: Stage, test: HypothesisTest | NotApplicable, samples: np.ndarray
) -> dict[str, float]:
    row = {"squares": float(step.squares[0]), "statistic": float(step.statistic[0]),
           "p_value": test.p_value}  # fmt: skip
    for alpha in _CRITICAL:
        value = float(np.quantile(samples, 1 - alpha)) if len(samples) else np.nan
        row[f"critical_{100 * alpha:.0f}"] = value
    return row


def equality_tests(
    params: pd.Series, cov: pd.DataFrame, terms: tuple[str, ...]
) -> list[HypothesisTest | NotApplicable]:
    """Test that coefficients are equal in all regimes, given the thresholds."""
    tests = []
    for term in terms:
        places = np.flatnonzero(
            (params.index.get_level_values("variable") == term)
            & (params.index.get_level_values("part") != ALL)
        )
        slopes = np.zeros((len(places) - 1, len(params)))
        slopes[:, places[0]] = -1.0
        slopes[np.arange(len(places) - 1), places[1:]] = 1.0
        tests.append(
            wald_test(
                t("equal in all regimes: {term}", term=term),
                t("the coefficient of {term} does not change at the thresholds", term=term),
                slopes @ params.to_numpy(), slopes, cov.to_numpy(),
            )
        )  # fmt: skip
    return tests


def threshold_notes(
    data: ThresholdArrays,
    candidates: np.ndarray,
    tests: Sequence[HypothesisTest | NotApplicable],
    name: str,
) -> tuple[str, ...]:
    notes: list[str] = [t("standard errors treat the thresholds as known")]
    different = np.unique(data.q)
    count = int(((different >= candidates[0]) & (different <= candidates[-1])).sum())
    if len(candidates) < count:
        notes.append(
            t("{tried} of {count} different values of {name} between {low:.4g} and {high:.4g} were "
              "tried",
              tried=len(candidates), count=count, name=name, low=float(candidates[0]),
              high=float(candidates[-1]))
        )  # fmt: skip
    if np.ptp(data.q, axis=1).max() == 0:
        notes.append(
            t("{name} does not change over time: each unit stays in its regime", name=name)
        )
    supported = 0
    for test in tests:
        if not test.p_value < 0.05:
            break
        supported += 1
    if supported < len(tests) and not np.isnan(tests[0].p_value):
        notes.append(
            t("at 5 % the tests support {supported} of the {count} thresholds",
              supported=supported, count=len(tests))
        )  # fmt: skip
    return tuple(notes)
