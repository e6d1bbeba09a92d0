"""Bootstrap samples of the likelihood ratio of a threshold, all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import linalg as sla

from nqp_spatial.errors import BoundaryError, CollinearityError
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression.covariance.information import estimate_at
from nqp_spatial.regression.estimators.ml import concentrated_likelihood, log_determinants
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood
from nqp_spatial.regression.likelihood.factorization import factorize_system
from nqp_spatial.regression.likelihood.maximize import Maximum, maximize_from
from nqp_spatial.regression.likelihood.several_lags import LagMatrices, system_of
from nqp_spatial.spillovers._threshold_links import CutLags, OrderedLinks
from nqp_spatial.spillovers._threshold_products import GivenProducts, ThresholdProducts
from nqp_spatial.spillovers._threshold_surfaces import (
    Surface,
    Window,
    highest_points,
    spread_points,
)

__all__ = ["CandidateModels", "NullModel", "ratios_of_samples"]

_REACH = 5.0  # half-width of windows in standard errors, which are upper bounds
_WIDEST = 0.9  # half-width in artanh(b rho)
_DEGREES = (6, 8, 11)
_ACCURATE = 1e-6  # misfit of the log-likelihood up to which a polynomial is taken
_FLAT = 1e-5  # slope in standard errors, so that heights are known to 1e-10
_NUMBERS_AT_ONCE = 20_000_000  # of outcomes (160 MB)


@dataclass(frozen=True, eq=False)
class NullModel:
    """The model from which samples are drawn, with the known thresholds only.

    Attributes
    ----------
    fitted, residuals : ndarray
        Demeaned, shape (n_units, n_periods); residuals are scaled for what demeaning takes.
    rho : ndarray
    data : ModelData
    """

    fitted: np.ndarray
    residuals: np.ndarray
    rho: np.ndarray
    data: ModelData

    @classmethod
    def of(cls, data: ModelData, lags: LagMatrices | None = None) -> NullModel:
        """Estimate the model."""
        n, periods = data.shape
        likelihood = concentrated_likelihood(data, log_determinants(data.terms))
        if lags is not None:
            likelihood = ConcentratedLikelihood(data.counts, likelihood.products, (lags, None))
        starts = [np.full(len(data.terms.y), rho) for rho in (0.0, 0.5)]
        maximum = maximize_from(likelihood, starts)
        estimate = estimate_at(maximum.parameters, data.projection, likelihood)
        # Demeaned residuals vary less than the errors; demeaning removes the effects themselves.
        scale = np.sqrt(n * periods / data.counts.observations)
        return cls(
            (data.projection.z @ estimate.coefs).reshape(n, periods),
            estimate.disturbances.reshape(n, periods) * scale,
            maximum.rho,
            data,
        )

    def outcomes(self, seeds: Sequence[np.random.SeedSequence]) -> np.ndarray:
        """Return outcomes with complete residual series of units drawn anew, (samples, n, T)."""
        n = len(self.fitted)
        draws = np.stack([np.random.default_rng(seed).integers(0, n, n) for seed in seeds])
        right = self.fitted + self.residuals[draws]
        size = self.data.terms.y[0].matrix.shape[0]
        columns = right.reshape(len(seeds), size, -1).transpose(1, 0, 2).reshape(size, -1)
        y = self._factor.solve(np.asarray(columns, order="F"))
        return np.ascontiguousarray(y.reshape(size, len(seeds), -1).transpose(1, 0, 2)).reshape(
            right.shape
        )

    @cached_property
    def _factor(self) -> sla.SuperLU:
        return factorize_system(system_of(self.data.terms.matrices_y, self.rho))


@dataclass(frozen=True, eq=False)
class CandidateModels:
    """The models with one threshold more, at each candidate.

    Attributes
    ----------
    links : OrderedLinks
    known : tuple of int
        Numbers of links below the known thresholds.
    cuts : ndarray of int
        Numbers of links below the candidates, ascending.
    data : ModelData
        Without thresholds.
    lag_regressors : bool
    """

    links: OrderedLinks
    known: tuple[int, ...]
    cuts: np.ndarray
    data: ModelData
    lag_regressors: bool

    @property
    def are_apart(self) -> bool:
        """Whether all parts of all models have links."""
        ends = np.array([0, *self.known, len(self.links.rows)])
        return not np.isin(self.cuts, ends).any()

    @cached_property
    def products(self) -> ThresholdProducts:
        """Cross products of outcomes and their lags."""
        links = (self.links.rows, self.links.columns, self.links.weights)
        return ThresholdProducts(
            self.data, links, self.known, self.cuts, lag_regressors=self.lag_regressors
        )

    def heights(self) -> tuple[float, np.ndarray]:
        """Return the log-likelihood of the data without and with each candidate."""
        plain, products = self.products.of(self.data.plain.y)
        count = len(self.known) + 1
        starts = [np.full(count, rho) for rho in (0.0, 0.5)]
        start = self.maximum(plain, self.known, starts, {})
        heights, memory = [], dict[str, np.ndarray]()
        rho = common = np.full(count + 1, float(start.rho.mean()))
        for cut, cross in zip(self.cuts, products, strict=True):
            try:
                # From the last candidate's maximum, and from the common rho: the ranking of two
                # maxima may change.
                maximum = self.maximum(cross, (*self.known, cut), [rho, common], memory)
            except (BoundaryError, CollinearityError):
                heights.append(-np.inf)
                continue
            rho = maximum.rho
            heights.append(maximum.loglik)
        return start.loglik, np.array(heights)

    def maximum(
        self,
        products: np.ndarray,
        cuts: Sequence[int],
        starts: Sequence[np.ndarray],
        memory: dict[str, np.ndarray],
    ) -> Maximum:
        """Return the maximum of one model for one outcome, with exact determinants."""
        if np.isnan(products).any():
            raise CollinearityError("regressors by part are linearly dependent")
        lags = CutLags.at(self.links, cuts, memory)
        likelihood = ConcentratedLikelihood(self.data.counts, GivenProducts(products), (lags, None))
        return maximize_from(likelihood, starts, flat=_FLAT)


def ratios_of_samples(
    models: CandidateModels,
    null: NullModel,
    seeds: Sequence[np.random.SeedSequence],
    *,
    n_jobs: int,
    progress: bool,
) -> np.ndarray:
    """Return sup LR of each sample; NaN where the model without the threshold has no maximum.

    Parameters
    ----------
    models : CandidateModels
    null : NullModel
    seeds : sequence of SeedSequence
        One for each sample.
    n_jobs : int
        Threads.
    progress : bool
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    batch = max(1, _NUMBERS_AT_ONCE // null.fitted.size)
    parallel = Parallel(n_jobs=n_jobs, prefer="threads")
    pairs = []
    for start in range(0, len(seeds), batch):
        outcomes = null.outcomes(seeds[start : start + batch])
        pairs += parallel(delayed(models.products.of)(y) for y in outcomes)
    plain = np.stack([pair[0] for pair in pairs])
    products = np.stack([pair[1] for pair in pairs])
    work = _Surfaces(models, null.rho, plain, products)
    without = work.without()
    tasks = (delayed(work.heights)(c) for c in range(len(models.cuts)))
    stream = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(tasks)
    bar = tqdm(stream, total=len(models.cuts), desc="bootstrap", disable=not progress)
    highest = np.max(np.stack(list(bar)), axis=0)
    return np.asarray(2 * (highest - without))


@dataclass(frozen=True, eq=False)
class _Surfaces:
    """Polynomials of the log-determinants around the model from which samples are drawn."""

    models: CandidateModels
    rho: np.ndarray
    plain: np.ndarray
    products: np.ndarray

    @property
    def bound(self) -> float:
        return self.models.links.largest_row_sum

    @cached_property
    def windows(self) -> list[Window] | None:
        """The window of each candidate; none where rho may leave the range of artanh."""
        if not (self.bound * np.abs(self.rho) < 0.999).all():
            return None
        counts, windows = self.models.data.counts, []
        for c, cut in enumerate(self.models.cuts):
            centre = self._spread(self.rho[None, :], int(cut))[0]
            mean = self.products[:, c].mean(axis=0)
            v = np.append(1.0, -centre)
            information = counts.observations * mean[1:, 1:] / (v @ mean @ v)
            if not np.isfinite(information).all():
                errors = np.full(len(centre), 0.1)
            else:
                errors = np.sqrt(np.diag(np.linalg.inv(information)))
            half = _REACH * errors * self.bound / (1 - (self.bound * centre) ** 2)
            place = np.arctanh(self.bound * centre)
            windows.append(Window(place, np.minimum(half, _WIDEST), self.bound))
        return windows

    def _spread(self, rho: np.ndarray, cut: int) -> np.ndarray:
        """Return rho of the parts with a candidate from those without, (points, R)."""
        position = int(np.searchsorted(np.sort(self.models.known), cut))
        return np.insert(rho, position, rho[:, position], axis=1)

    @cached_property
    def shared(self) -> tuple[Window, np.ndarray, np.ndarray, np.ndarray]:
        """Points without the candidates: window, rho, values, and the inverse at the links."""
        assert self.windows is not None
        narrowest = min(window.half.min() for window in self.windows)
        centre = np.arctanh(self.bound * self.rho)
        window = Window(centre, np.full(len(centre), narrowest), self.bound)
        count = 9 if len(centre) == 1 else 30
        places = spread_points(count, len(centre))
        if len(centre) == 1:
            places = -np.cos(np.pi * (np.arange(count) + 0.5) / count)[:, None]
        rho = window.rho(places)
        lags = CutLags.at(self.models.links, self.models.known, {})
        factors = [lags.factor(point) for point in rho]
        values = np.array([factor.logdet for factor in factors])
        inverses = np.stack([factor.inverse_at_links() for factor in factors])
        return window, rho, values, inverses

    def without(self) -> np.ndarray:
        """Return the maximised log-likelihood of each sample without the threshold."""
        heights = np.full(len(self.plain), np.nan)
        models, counts = self.models, self.models.data.counts
        if self.windows is not None:
            window, rho, values, inverses = self.shared
            lags = CutLags.at(models.links, models.known, {})
            slopes = -np.stack([lags.sums.traces(z) for z in inverses])
            surface = Surface.fitted(window, 10 if len(self.rho) == 1 else 7, rho, values, slopes)
            if surface.misfit * counts.n_logdets < _ACCURATE:
                heights = highest_points(self.plain, surface, counts.observations, counts.n_logdets)
        starts = [np.full(len(self.rho), rho) for rho in (0.0, 0.5)]
        for sample in np.flatnonzero(np.isnan(heights)):
            heights[sample] = self._exact(self.plain[sample], models.known, starts, np.nan)
        return heights

    def heights(self, c: int) -> np.ndarray:
        """Return the maximised log-likelihood of each sample with a candidate."""
        products, cut = self.products[:, c], int(self.models.cuts[c])
        heights = np.full(len(products), np.nan)
        surface = None if self.windows is None else self._surface(self.windows[c], cut)
        counts = self.models.data.counts
        if surface is not None and np.isfinite(products).all():
            heights = highest_points(products, surface, counts.observations, counts.n_logdets)
        start = [self._spread(self.rho[None, :], cut)[0]]
        memory: dict[str, np.ndarray] = {}
        for sample in np.flatnonzero(np.isnan(heights)):
            cuts = (*self.models.known, cut)
            heights[sample] = self._exact(products[sample], cuts, start, -np.inf, memory)
        return heights

    def _exact(
        self,
        products: np.ndarray,
        cuts: Sequence[int],
        starts: Sequence[np.ndarray],
        otherwise: float,
        memory: dict[str, np.ndarray] | None = None,
    ) -> float:
        memory = {} if memory is None else memory
        try:
            return self.models.maximum(products, cuts, starts, memory).loglik
        except (BoundaryError, CollinearityError):
            return otherwise

    def _surface(self, window: Window, cut: int) -> Surface | None:
        """Return the polynomial of one candidate; none if no degree is accurate."""
        _, rho, values, inverses = self.shared
        lags = CutLags.at(self.models.links, (*self.models.known, cut), {})
        rho = self._spread(rho, cut)
        slopes = -np.stack([lags.sums.traces(z) for z in inverses])
        size, own = rho.shape[1], 0
        for degree in _DEGREES:
            terms = int(np.prod([(degree + k + 1) / (k + 1) for k in range(size)]) + 0.5)
            wanted = int(np.ceil(0.75 * terms / (size + 1)))
            points = window.rho(spread_points(wanted, size)[own:])
            own = wanted
            factors = [lags.factor(point) for point in points]
            more = np.array([factor.logdet for factor in factors])
            if not np.isfinite(more).all():
                return None
            new = -np.stack([lags.sums.traces(f.inverse_at_links()) for f in factors])
            rho, values, slopes = (
                np.concatenate(pair) for pair in ((rho, points), (values, more), (slopes, new))
            )
            surface = Surface.fitted(window, degree, rho, values, slopes)
            if surface.misfit * self.models.data.counts.n_logdets < _ACCURATE:
                return surface
        return None
