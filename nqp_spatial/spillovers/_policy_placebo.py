"""Placebos of a policy: other places at the same dates, the same places at earlier dates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, two_sided_p
from nqp_spatial.core.resampling import permutation_p
from nqp_spatial.core.text import Message, t
from nqp_spatial.spillovers._clean_cells import CleanCells, FirstStep
from nqp_spatial.spillovers._exposure import Exposure
from nqp_spatial.spillovers._policy_cells import PolicyCells, policy_cells
from nqp_spatial.spillovers._policy_steps import Terms, Variance, post_terms, second_step

__all__ = ["PlaceboDraws", "placebo_draws", "placebo_in_space", "placebo_in_time"]

_CELLS_PER_BATCH = 400_000  # of all draws together: some 40 MB of arrays


@dataclass(frozen=True, eq=False)
class PlaceboDraws:
    """What draws of treated places share.

    Attributes
    ----------
    y : ndarray
        Shape (n_units, n_periods).
    x : ndarray
        Controls, shape (n_units, n_periods, K).
    adoption : ndarray of int
        Positions of the first treated periods.
    codes : ndarray of int
        Places are exchanged within these groups, shape (n_units,).
    exposure : Exposure
    """

    y: np.ndarray
    x: np.ndarray
    adoption: np.ndarray
    codes: np.ndarray
    exposure: Exposure

    @property
    def batch_size(self) -> int:
        """Draws that are computed together."""
        return max(1, _CELLS_PER_BATCH // self.y.size)

    def draw(self, count: int, seed: np.random.SeedSequence) -> np.ndarray:
        """Return statistics of draws, shape (count, 1 + R); missing where they are not defined."""
        rng = np.random.default_rng(seed)
        order = np.argsort(self.codes + rng.random((count, len(self.codes))), axis=1)
        adoption = np.empty((count, len(self.codes)), dtype=np.int64)
        adoption[:, np.argsort(self.codes, kind="stable")] = self.adoption[order]
        return self.statistics(adoption)

    def statistics(self, adoption: np.ndarray) -> np.ndarray:
        """Return the mean effect in treated cells, and that per unit of each kind of exposure.

        Parameters
        ----------
        adoption : ndarray of int
            Shape (sets, n_units).
        """
        periods = self.y.shape[1]
        treated = np.arange(periods) >= adoption[:, :, None]
        exposure = self.exposure.of(treated.astype(float))
        clean = ~treated & ~(exposure > 0).any(axis=-1)
        values = np.full((len(adoption), 1 + exposure.shape[-1]), np.nan)
        identified = np.asarray(clean.any(axis=1)).all(axis=1)
        if not identified.any():
            return values
        treated, exposure = treated[identified], exposure[identified]
        r = self._effects(clean[identified].astype(float))
        spilled = exposure * ~treated[..., None]
        with np.errstate(invalid="ignore"):
            means = (r * treated).sum(axis=(1, 2)) / treated.sum(axis=(1, 2))
            slopes = np.einsum("snt,sntr->sr", r, spilled) / (spilled**2).sum(axis=(1, 2))
        values[identified] = np.column_stack([means, slopes])
        return values

    def _effects(self, clean: np.ndarray) -> np.ndarray:
        """Return y less what the first step of each set explains, shape (sets, n, periods)."""
        cells = CleanCells(clean)
        net = cells.net(np.concatenate([self.y[:, :, None], self.x], axis=2))
        y, x = net[..., 0], net[..., 1:]
        if not x.shape[-1]:
            return np.asarray(y)
        weighted = x * clean[..., None]
        gram = np.einsum("sntk,sntl->skl", weighted, x)
        slopes = np.linalg.solve(gram, np.einsum("sntk,snt->sk", weighted, y)[:, :, None])
        return np.asarray(y - np.einsum("sntk,sk->snt", x, slopes[:, :, 0]))


def placebo_draws(
    draws: PlaceboDraws, count: int, seed: int | None, n_jobs: int, progress: bool
) -> np.ndarray:
    """Return statistics of all draws, the same for any number of workers, shape (count, 1 + R)."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    size = draws.batch_size
    sizes = [min(size, count - start) for start in range(0, count, size)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    tasks = (delayed(draws.draw)(number, child) for number, child in zip(sizes, seeds, strict=True))
    results = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    bar = tqdm(results, total=len(sizes), desc="placebo", disable=not progress)
    return np.concatenate(list(bar))


def placebo_in_space(
    observed: np.ndarray, draws: np.ndarray, names: tuple[str, ...], within: Groups | None
) -> dict[str, HypothesisTest | NotApplicable]:
    """Return the tests that own and spilled effects are those of places drawn at random."""
    null = t("effects are those of other places treated at the same dates")
    tests: dict[str, HypothesisTest | NotApplicable] = {}
    keys = ["placebo in space, own", *_spilled_keys("placebo in space", names)]
    for place, key in enumerate(keys):
        title = _title(t("Placebo in space"), place, names)
        estimates = draws[:, place]
        defined = estimates[np.isfinite(estimates)]
        if not len(defined):
            tests[key] = NotApplicable(title, null, t("no draw leaves clean and exposed cells"))
            continue
        # Ties count as extreme; rounding must not break them.
        slack = 1e-9 * np.abs(defined).max()
        upper = (defined >= observed[place] - slack).sum()
        lower = (defined <= observed[place] + slack).sum()
        p_value = float(permutation_p(upper, len(defined), "two-sided", lower))
        rule = (
            t("{count} draws among all units", count=len(defined))
            if within is None
            else t("{count} draws within {name}", count=len(defined), name=within.title)
        )
        tests[key] = HypothesisTest(
            title, null, float(observed[place]), "permutation", None, p_value, rule
        )
    return tests


def _spilled_keys(start: str, names: tuple[str, ...]) -> list[str]:
    if len(names) == 1:
        return [f"{start}, spilled"]
    return [f"{start}, spilled, {name}" for name in names]


def _title(start: Message, place: int, names: tuple[str, ...]) -> Message:
    if not place:
        return t("{test}, own effect", test=start)
    if len(names) == 1:
        return t("{test}, spilled effect", test=start)
    return t("{test}, spilled effect, {ring}", test=start, ring=names[place - 1])


def placebo_in_time(
    cells: PolicyCells,
    first: FirstStep,
    exposure: Exposure,
    earlier: int,
    variance: Variance,
    df: float,
) -> dict[str, HypothesisTest | NotApplicable]:
    """Return the tests of effects of dates moved earlier, in cells that are clean in truth."""
    null = t("no effect in the {count} periods before adoption or exposure", count=earlier)
    names = exposure.names
    keys = ["placebo in time, own", *_spilled_keys("placebo in time", names)]
    titles = [_title(t("Placebo in time"), place, names) for place in range(len(keys))]
    periods = cells.treated.shape[1]
    adopts = cells.adoption < periods
    reason = None
    if (cells.adoption[adopts] <= earlier).any():
        reason = t("dates moved {count} periods earlier fall before the data", count=earlier)
    else:
        moved = policy_cells(np.where(adopts, cells.adoption - earlier, periods), periods, exposure)
        if not (moved.clean & cells.clean).any(axis=0).all():
            reason = t("no clean cell is left in some periods")
    if reason is not None:
        return {
            key: NotApplicable(title, null, reason) for key, title in zip(keys, titles, strict=True)
        }
    usable = cells.clean
    shown = PolicyCells(moved.adoption, moved.treated & usable, moved.exposure * usable[..., None])
    terms = post_terms(shown, names, 0, "included")
    step = second_step(FirstStep(usable & moved.clean, first.y, first.x), terms, variance)
    tests: dict[str, HypothesisTest | NotApplicable] = {}
    places = _places(terms, names)
    for place, (key, title) in enumerate(zip(keys, titles, strict=True)):
        column = places[place]
        if column is None:
            tests[key] = NotApplicable(title, null, t("no clean cell would be exposed"))
            continue
        statistic = float(step.values[column] / np.sqrt(step.cov[column, column]))
        finite = np.isfinite(df)
        tests[key] = HypothesisTest(
            title, null, statistic, "t" if finite else "normal", df if finite else None,
            float(two_sided_p(statistic, df)),
        )  # fmt: skip
    return tests


def _places(terms: Terms, names: tuple[str, ...]) -> list[int | None]:
    """Return the column of the own effect and of each kind of exposure, where there is one."""
    known = {
        (kind, exposure): place
        for place, (kind, exposure) in enumerate(
            terms.table[["kind", "exposure"]].itertuples(index=False)
        )
    }
    return [known.get(("own", "")), *(known.get(("spilled", name)) for name in names)]
