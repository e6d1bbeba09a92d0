"""`geodetector`: how much of the spatial variance of a variable lies between strata of factors."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet
from nqp_spatial.core.options import Level, Permutations, Replications, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import bootstrap_counts, permutation_p
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, sample
from nqp_spatial.structure._autocorrelated import autocorrelated_draws, relocated_draws
from nqp_spatial.structure._detectors import (
    adjusted_q,
    crossed,
    ecological,
    interaction_kind,
    noncentral_p,
    q_values,
    risk,
    weighted_q,
)
from nqp_spatial.structure._strata import METHODS, Strata, candidates, categories, cut_at, cut_by
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["GeodetectorResult", "geodetector"]

Cuts = Literal["optimal", "quantiles", "equal-intervals", "natural-breaks", "std-deviations"]
_SEARCHED, _USUAL = range(3, 9), 5
_POOLED = "pooled"


@dataclass(frozen=True, repr=False, eq=False)
class GeodetectorResult(Displayed):
    """Factor, interaction, risk and ecological detectors.

    Attributes
    ----------
    frame : DataFrame
        By (period, factor): ``q``; ``q_adjusted``, less what as many strata explain of noise;
        ``strata``, their number; ``statistic`` and ``p_noncentral``, F and its p-value under the
        noncentral F distribution; ``p_value`` of the permutations (the same without them).
    interactions : DataFrame
        By (period, first, second): ``q_first, q_second, q``, the last of the strata that both form
        together; ``kind``; ``excess``, q less the sum of both, with ``conf_low, conf_high`` and
        ``p_value`` of a bootstrap by unit.
    risk : DataFrame
        By (period, factor): strata ``first, second``, ``difference`` of their means (second less
        first), Welch's ``statistic``, ``df`` and ``p_value``.
    ecological : DataFrame
        By (period, first, second): ``statistic``, the ratio of the sums of squares within strata,
        and ``p_value`` of F with N - 1 and N - 1 degrees of freedom.
    strata : DataFrame
        By (period, factor, stratum): ``count`` of observations, ``mean`` and ``std_dev``.
    search : DataFrame
        By (factor, method, number): pooled q of each candidate, where cuts were searched.
    cuts : dict
        Bounds between the strata of each factor that was cut.
    variable, label : str
    labels : dict
        Display labels of the factors.
    spec : Spec
        ``variable, factors, cuts, weights, permutations, replications, level, seed``.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.structure.geodetector(
    ...     cities, "nqp", ["region4", "synergy"], period=2021, permutations=99, replications=99
    ... )
    >>> result.interactions.columns[:4].tolist()
    ['q_first', 'q_second', 'q', 'kind']
    """

    _figure: ClassVar[str] = "geodetector"

    frame: pd.DataFrame
    interactions: pd.DataFrame
    risk: pd.DataFrame
    ecological: pd.DataFrame
    strata: pd.DataFrame
    search: pd.DataFrame
    cuts: dict[str, tuple[float, ...]]
    variable: str
    label: str
    labels: dict[str, str]
    spec: Spec
    notes: tuple[str, ...] = ()
    level: float = 0.95
    section_names: tuple[Hashable, ...] = field(default_factory=tuple)

    @property
    def tests(self) -> TestSet:
        """The test of each factor and period."""
        permuted = bool(self.spec.permutations)
        tests: dict[str, HypothesisTest | NotApplicable] = {}
        for (period, factor), row in self.frame.iterrows():
            name = t("Factor detector: {factor}, {period}", factor=factor, period=str(period))
            null = t("no variance lies between the strata")
            if not np.isfinite(row["p_value"]):
                reason = t("there are as many strata as observations")
                tests[f"{factor}, {period}"] = NotApplicable(name, null, reason)
                continue
            tests[f"{factor}, {period}"] = HypothesisTest(
                name, null, float(row["q" if permuted else "statistic"]),
                "permutation" if permuted else "noncentral F", None, float(row["p_value"]),
                self._rule(),
            )  # fmt: skip
        return TestSet(tests)

    def _rule(self) -> Message:
        spec = self.spec
        if not spec.permutations:
            return t("noncentral F distribution")
        if spec.weights is None:
            return t(
                "{permutations} relocations of units, seed {seed}",
                permutations=spec.permutations, seed=spec.seed,
            )  # fmt: skip
        return t(
            "{permutations} draws that keep Moran's I, seed {seed}",
            permutations=spec.permutations, seed=spec.seed,
        )  # fmt: skip

    def _blocks(self) -> list[Block]:
        blocks: list[Block] = [
            t("Geodetector of {variable}", variable=self.variable),
            self.frame[["q", "q_adjusted", "strata", "p_value"]],
            t("p_value: {rule}", rule=self._rule()),
        ]
        if len(self.interactions):
            blocks += [
                t("Interactions"),
                self.interactions[["q_first", "q_second", "q", "kind", "p_value"]],
            ]
        return [*blocks, *notes_of(self.notes)]


@checked
def geodetector(
    panel: SpatialPanel,
    variable: str,
    factors: Sequence[str],
    *,
    period: Hashable | None = None,
    pooled: bool = False,
    cuts: Cuts | Mapping[str, Cuts | Sequence[float]] = "optimal",
    number: int | Sequence[int] | None = None,
    weights: WeightsLike | None = None,
    permutations: Permutations = 999,
    replications: Replications = 999,
    level: Level = 0.95,
    seed: Seed = 0,
) -> GeodetectorResult:
    """Measure how much of the variance of a variable lies between the strata of factors.

    ``q = 1 - sum_h N_h s_h^2 / (N s^2)``, with s_h the standard deviation in stratum h: the R2 of a
    one-way analysis of variance.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced, complete in the variable and the factors.
    variable : str
        A numeric column.
    factors : sequence of str
        Columns. Text, true and false, and categorical columns are strata as they are; numbers are
        cut into strata.
    period : hashable, optional
        One period. By default each period by itself, with the same cuts in all of them.
    pooled : bool
        Whether all observations of all periods are one sample.
    cuts : str, or mapping of factor to str or bounds
        How numbers are cut: ``"quantiles"``, ``"equal-intervals"``, ``"natural-breaks"``,
        ``"std-deviations"``; ``"optimal"`` takes the method and number of strata with the largest
        pooled q, and `search` shows all of them. Bounds are the values between strata.
    number : int or sequence of int, optional
        Strata per factor: 5 for a method; for a search the numbers to be tried, 3 to 8.
    weights : SpatialWeights, Graph or W, optional
        With weights, permutations keep the spatial autocorrelation of the variable (at most 5 000
        units); without them units are relocated at random, which finds too many factors where both
        are autocorrelated.
    permutations : int
        Draws of the test of q; 0 for none. Where cuts are searched the search is repeated in each
        draw.
    replications : int
        Bootstrap samples of units for interactions; 0 for none.
    level : float
        Of the intervals of interactions.
    seed : int, optional

    Returns
    -------
    GeodetectorResult

    Raises
    ------
    MissingValuesError, UnbalancedPanelError, DomainError
        If cells are missing or infinite, the variable is constant or a factor has one stratum.
    UnmatchedIdsError
        If ids of panel and weights differ.
    OptionError, PanelError, UnknownColumnError
        If an option is out of range or a factor is named twice or is the variable.

    Notes
    -----
    The noncentral F distribution of Wang et al. treats observations as independent and knows of
    no search. Strata that are many explain much by chance: see ``q_adjusted``. Sources: Wang et
    al. (2010), International Journal of Geographical Information Science 24(1), 107-127; Wang,
    Zhang and Fu (2016), Ecological Indicators 67, 250-256, for q and its distribution; Song et
    al. (2020), GIScience & Remote Sensing 57(5), 593-610, for the search; Wagner and Dray (2015)
    for draws that keep autocorrelation.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.structure.geodetector(
    ...     cities, "nqp", ["region4"], period=2021, permutations=0, replications=0
    ... )
    >>> result.frame.index.tolist()
    [(2021, 'region4')]
    """
    names = _factor_names(variable, factors)
    section = panel if period is None else panel.select(periods=[panel.period(period)])
    values = section.values(variable)
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        raise DomainError(f"{variable!r} is constant, so there is no variance to divide")
    options = {name: _strata_options(section, name, cuts, number) for name in names}
    searches = {name: _search(found, values) for name, found in options.items()}
    chosen = {name: options[name][best][2] for name, (best, _) in searches.items()}
    is_pooled = pooled or section.n_periods == 1
    sections = _sections(section, is_pooled)
    w = None if weights is None else as_weights(weights).reordered(section.units)
    p_values = _permuted_p(values, options, sections, w, permutations, seed)
    counts = bootstrap_counts(np.random.default_rng(seed), section.n_units, replications)
    parts = [
        _detect(label, values[:, columns], chosen, columns, counts, level, values.shape)
        for label, columns in sections
    ]
    tables = [pd.concat([part[place] for part in parts]) for place in range(5)]
    frame = tables[0]
    frame["p_value"] = p_values.ravel() if permutations else frame["p_noncentral"]
    return GeodetectorResult(
        frame=frame,
        interactions=tables[1],
        risk=tables[2],
        ecological=tables[3],
        strata=tables[4],
        search=_search_table(options, searches),
        cuts={name: strata.bounds for name, strata in chosen.items() if strata.bounds},
        variable=variable,
        label=panel.label(variable),
        labels={name: panel.label(name) for name in names},
        spec=Spec(
            variable=variable, factors=names, cuts=cuts if isinstance(cuts, str) else dict(cuts),
            weights=w, permutations=permutations, replications=replications, level=level, seed=seed,
        ),
        notes=_notes(options, section, w, permutations),
        level=level,
        section_names=tuple(label for label, _ in sections),
    )  # fmt: skip


# -- strata ----------------------------------------------------------------------------------------

_Option = tuple[str, int, Strata]


def _factor_names(variable: str, factors: Sequence[str]) -> list[str]:
    names = [factors] if isinstance(factors, str) else list(factors)
    if not names:
        raise OptionError("factors must name at least one column")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise OptionError(f"factors name {sample(repeated)} twice")
    if variable in names:
        raise OptionError(f"{variable!r} cannot be a factor of itself")
    return names


def _strata_options(
    section: SpatialPanel,
    name: str,
    cuts: Cuts | Mapping[str, Cuts | Sequence[float]],
    number: int | Sequence[int] | None,
) -> list[_Option]:
    """Return the strata of a factor: one, or all candidates of a search; codes (n * periods,)."""
    section.require_columns([name])
    column = section.frame[name]
    if isinstance(cuts, Mapping):
        unknown = [key for key in cuts if key not in section.frame.columns]
        if unknown:
            raise OptionError(f"cuts names {sample(unknown)}, which the panel does not have")
    rule = cuts if isinstance(cuts, str) else cuts.get(name, "optimal")
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        section.require_balanced()
        if column.isna().any():
            raise MissingValuesError(
                f"factor {name!r} has no category for "
                f"{sample(column.index[column.isna()].to_flat_index())}: fill it or drop these rows"
            )
        strata = categories(column)
        return [("categories", strata.count, strata)]
    numbers = section.values(name).ravel()
    if not isinstance(rule, str):
        strata = cut_at(numbers, rule, name, "given")
        return [("given", strata.count, strata)]
    tried = _numbers(number, rule)
    if rule == "optimal":
        options = list(candidates(numbers, METHODS, tried, name))
        if not options:
            raise DomainError(
                f"factor {name!r} has {len(np.unique(numbers))} different values, fewer than "
                f"{min(tried)} strata: make it a category, or pass number="
            )
        return options
    if rule not in METHODS:
        raise OptionError(f"cuts must be 'optimal', {', '.join(map(repr, METHODS))}, got {rule!r}")
    if len(tried) > 1:
        raise OptionError(f"number must be one whole number with cuts={rule!r}, got {number!r}")
    return [(rule, tried[0], cut_by(numbers, rule, tried[0], name))]


def _numbers(number: int | Sequence[int] | None, rule: str) -> list[int]:
    if number is None:
        return list(_SEARCHED) if rule == "optimal" else [_USUAL]
    tried = [number] if isinstance(number, int) else list(number)
    if not tried or not all(isinstance(n, int | np.integer) and 2 <= n <= 20 for n in tried):
        raise OptionError(f"number must be whole numbers from 2 to 20, got {number!r}")
    return [int(n) for n in tried]


def _search(options: list[_Option], values: np.ndarray) -> tuple[int, list[float]]:
    """Return the place of the candidate with the largest pooled q, and all q."""
    flat = values.reshape(-1, 1)
    q = [float(q_values(strata.codes, flat)[0]) for _, _, strata in options]
    return int(np.argmax(q)), q


def _search_table(
    options: dict[str, list[_Option]], searches: dict[str, tuple[int, list[float]]]
) -> pd.DataFrame:
    rows = [
        (name, method, count, searches[name][1][place], place == searches[name][0])
        for name, choices in options.items()
        if len(choices) > 1
        for place, ((method, count, _), q) in enumerate(
            zip(choices, searches[name][1], strict=True)
        )
    ]
    columns = ["factor", "method", "number", "q", "chosen"]
    return pd.DataFrame(rows, columns=columns).set_index(["factor", "method", "number"])


def _sections(panel: SpatialPanel, is_pooled: bool) -> list[tuple[Hashable, list[int]]]:
    """Return the label of each sample and the columns of its periods."""
    everything = list(range(panel.n_periods))
    if is_pooled:
        return [(panel.periods[0] if panel.n_periods == 1 else _POOLED, everything)]
    return [(label, [place]) for place, label in enumerate(panel.periods.tolist())]


# -- permutations ----------------------------------------------------------------------------------


def _permuted_p(
    values: np.ndarray,
    options: dict[str, list[_Option]],
    sections: list[tuple[Hashable, list[int]]],
    w: SpatialWeights | None,
    permutations: int,
    seed: int | None,
) -> np.ndarray:
    """Return the p-value of each section and factor; searches are repeated in each draw."""
    if not permutations:
        return np.empty((len(sections), 0))
    observed = np.array([_searched_q(values[:, :, None], o, sections) for o in options.values()])
    extreme = np.zeros(observed.shape[:2], dtype=int)
    for draws in _draws(values, w, permutations, seed):
        for place, choices in enumerate(options.values()):
            q = _searched_q(draws, choices, sections)
            extreme[place] += (q >= observed[place] - 1e-12).sum(axis=1)
    return np.asarray(permutation_p(extreme.T, permutations))


def _draws(
    values: np.ndarray, w: SpatialWeights | None, permutations: int, seed: int | None
) -> Iterator[np.ndarray]:
    if w is None:
        return relocated_draws(values, permutations, seed)
    return autocorrelated_draws(w, values, permutations, seed)


def _searched_q(
    draws: np.ndarray, options: list[_Option], sections: list[tuple[Hashable, list[int]]]
) -> np.ndarray:
    """Return q of the best candidate of each draw, shape (sections, draws)."""
    n, periods, count = draws.shape
    flat = draws.reshape(n * periods, count)
    best, chosen = np.full(count, -np.inf), np.zeros((len(sections), count))
    for _, _, strata in options:
        total = q_values(strata.codes, flat)
        better = total > best
        if not better.any():
            continue
        codes = strata.codes.reshape(n, periods)
        for place, (_, columns) in enumerate(sections):
            part = draws[:, columns][:, :, better].reshape(-1, int(better.sum()))
            chosen[place, better] = q_values(_compact(codes[:, columns].ravel()), part)
        best[better] = total[better]
    return chosen


def _compact(codes: np.ndarray) -> np.ndarray:
    """Return codes numbered without gaps."""
    numbered: np.ndarray = np.unique(codes, return_inverse=True)[1]
    return numbered.astype(np.int64)


# -- detectors -------------------------------------------------------------------------------------


def _detect(
    label: Hashable,
    values: np.ndarray,
    chosen: dict[str, Strata],
    columns: list[int],
    counts: np.ndarray,
    level: float,
    shape: tuple[int, int],
) -> tuple[pd.DataFrame, ...]:
    """Return the tables of one sample."""
    y = values.ravel()
    drawn = np.repeat(counts, len(columns), axis=1)
    codes = {
        name: strata.codes.reshape(shape)[:, columns].ravel() for name, strata in chosen.items()
    }
    compact = {name: _compact(code) for name, code in codes.items()}
    factors, risks, means = [], [], []
    for name, code in compact.items():
        present = [chosen[name].names[k] for k in np.unique(codes[name])]
        q = float(q_values(code, y[:, None])[0])
        statistic, tail = noncentral_p(code, y)
        adjusted = adjusted_q(q, len(y), len(present))
        factors.append((label, name, q, adjusted, len(present), statistic, tail))
        pairs = risk(code, y)
        for column in ("first", "second"):
            pairs[column] = [present[place] for place in pairs[column]]
        risks.append(_indexed(pairs, period=label, factor=name))
        grouped = pd.Series(y).groupby(code).agg(["size", "mean", "std"])
        grouped.columns = pd.Index(["count", "mean", "std_dev"])
        means.append(_indexed(grouped.assign(stratum=present), period=label, factor=name))
    pairs = [
        _interaction(label, a, b, compact, y, drawn, level) for a, b in combinations(compact, 2)
    ]
    ratios = [
        (label, a, b, *ecological(compact[a], compact[b], y)) for a, b in combinations(compact, 2)
    ]
    joint = ["q_first", "q_second", "q", "kind", "excess", "conf_low", "conf_high", "p_value"]
    tests = ["q", "q_adjusted", "strata", "statistic", "p_noncentral"]
    keys = ["period", "first", "second"]
    return (
        pd.DataFrame(factors, columns=["period", "factor", *tests]).set_index(["period", "factor"]),
        pd.DataFrame(pairs, columns=[*keys, *joint]).set_index(keys),
        pd.concat(risks),
        pd.DataFrame(ratios, columns=[*keys, "statistic", "p_value"]).set_index(keys),
        pd.concat(means).set_index("stratum", append=True),
    )


def _indexed(frame: pd.DataFrame, **keys: Hashable) -> pd.DataFrame:
    return frame.assign(**keys).set_index(list(keys))


def _interaction(
    label: Hashable,
    first: str,
    second: str,
    codes: dict[str, np.ndarray],
    y: np.ndarray,
    counts: np.ndarray,
    level: float,
) -> tuple[Any, ...]:
    """Return one row of `interactions`; the interval is the basic one, which removes the bias."""
    strata = [codes[first], codes[second], crossed(codes[first], codes[second])]
    q = [float(q_values(code, y[:, None])[0]) for code in strata]
    excess = q[2] - q[0] - q[1]
    row = (label, first, second, *q, interaction_kind(*q), excess)
    if not len(counts):
        return (*row, np.nan, np.nan, np.nan)
    centred = y - y.mean()
    sampled = [weighted_q(code, centred, counts) for code in strata]
    errors = sampled[2] - sampled[0] - sampled[1] - excess
    low, high = excess - np.quantile(errors, [(1 + level) / 2, (1 - level) / 2])
    tails = (errors >= excess).sum(), (errors <= excess).sum()
    return (*row, low, high, permutation_p(tails[0], len(counts), "two-sided", tails[1]))


def _notes(
    options: dict[str, list[_Option]],
    section: SpatialPanel,
    w: SpatialWeights | None,
    permutations: int,
) -> tuple[str, ...]:
    notes = []
    if w is None:
        notes.append(
            t(
                "p-values treat units as independent: pass weights= for draws that keep spatial "
                "autocorrelation"
            )
        )
    searched = [name for name, choices in options.items() if len(choices) > 1]
    if searched and not permutations:
        notes.append(
            t(
                "cuts of {factors} were searched, which p_noncentral does not know: ask for "
                "permutations",
                factors=sample(searched),
            )
        )
    return tuple(notes)
