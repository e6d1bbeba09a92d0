"""One function of rho: ``L(rho) = ln|I - rho W|`` and its derivatives.

Maximum likelihood, its standard errors and the effects need nothing else from W (with rows that add
to one): ``-L' = tr G`` and ``-L'' = tr G^2`` with ``G = W (I - rho W)^-1``. Three ways to build the
function, behind one interface:

exact
    all eigenvalues, for small n;
factor
    factorisations at a few Chebyshev nodes around the estimate, by CHOLMOD where it is installed,
    which correct a stochastic estimate there;
lanczos
    stochastic quadrature from a few dozen probes, with the traces of W, W^2, W^3 and W^4 matched
    exactly, for very large n.

Interpolation is in ``u = artanh(r rho)``, r the spectral radius. In rho, eigenvalues that cluster
just beyond the end of the interval make L nearly singular there; in u each singularity is at least
pi/4 (pi/2 for real eigenvalues) away from the real line, at every point of the interval.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from functools import cached_property, partial
from typing import Annotated, Literal, Protocol

import numpy as np
from numpy.polynomial import Chebyshev
from scipy import sparse

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.options import Rule, Seed, checked
from nqp_spatial.core.sizes import require_memory
from nqp_spatial.errors import OptionError, WeightsError
from nqp_spatial.regression.likelihood.factorization import (
    Factor,
    PositiveSystem,
    factorize,
    ordered_system,
)
from nqp_spatial.regression.likelihood.quadrature import PROBES, STEPS, probe_quadrature
from nqp_spatial.weights._spectrum import is_dense, spectral_radius, symmetrizer
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = [
    "Curve",
    "FactorLogDet",
    "LogDet",
    "NodeLogDet",
    "factor_of",
    "log_determinant",
    "rough_log_determinant",
]

LogDetMethod = Literal["exact", "factor", "lanczos", "auto"]

# Below these sizes all eigenvalues cost less than the 12 to 24 factorisations of `factor`; above
# the last size a factorisation costs more than the probes of `lanczos`.
EXACT_UP_TO_SYMMETRIC = 400
EXACT_UP_TO = 150
FACTOR_UP_TO = 200_000
# Where most pairs are linked: all eigenvalues of a symmetric W cost as much as nine factors.
DENSE_UP_TO = 20_000
FEW_PROBES_FROM = 30_000  # of the search for the neighbourhood of the maximum

_BYTES_PER_CELL = 16  # the array, and another while it is made symmetric or decomposed
_FLAT = 1e-13  # bound of the relative error of interpolants
# Half-widths in u: narrower windows would amplify rounding in second derivatives. With many units
# the search is so exact that a narrower window, with a node less, is enough.
_LEAST_HALF_WIDTH, _LEAST_OF_MANY, _MANY_UNITS = 0.05, 0.0135, 60_000


Rho = (
    Annotated[
        float,
        Rule("a number", lambda value: type(value) is not bool and isinstance(value, numbers.Real)),
    ]
    | np.ndarray
)
"""One or several values of rho; NaN gives NaN."""


class LogDet(Protocol):
    """The interface of every form of the log-determinant."""

    method: str
    interval: tuple[float, float]

    @checked
    def value(self, rho: Rho) -> np.ndarray:
        """Return ``ln|I - rho W|``."""
        ...

    @checked
    def derivative(self, rho: Rho) -> np.ndarray:
        """Return ``-tr G``."""
        ...

    @checked
    def second_derivative(self, rho: Rho) -> np.ndarray:
        """Return ``-tr G^2``."""
        ...

    @checked
    def error(self, rho: float) -> tuple[float, float, float]:
        """Return standard errors of the value and the two derivatives."""
        ...

    @checked
    def focus(self, rho: float, half_width: float) -> None:
        """Prepare for many evaluations within rho +- half_width."""
        ...


class Curve:
    """A smooth function of rho on a window, as a Chebyshev series in ``u = artanh(r rho)``.

    Parameters
    ----------
    function : callable
        Takes an array of rho, returns an array of the same shape.
    low, high : float
        The window, inside the open interval (-1/r, 1/r).
    radius : float
        Spectral radius r of W.
    strip : float
        Distance of the nearest singularity from the real line in u: pi/2 where all eigenvalues are
        real, pi/4 otherwise.
    least : float
        Smallest half-width in u; a narrower window is widened to it.
    accuracy : float
        Bound of the error, as a share of the largest value near the window.

    Examples
    --------
    >>> curve = Curve(lambda rho: np.log(1 - rho), 0.2, 0.6, radius=1.0, strip=np.pi / 2)
    >>> bool(abs(curve.derivative(0.5) + 2.0) < 1e-10)
    True
    """

    def __init__(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        low: float,
        high: float,
        *,
        radius: float,
        strip: float,
        least: float = _LEAST_HALF_WIDTH,
        accuracy: float = _FLAT,
    ) -> None:
        ends = np.arctanh(radius * np.array([low, high]))
        middle, half = ends.mean(), max((ends[1] - ends[0]) / 2, least)
        # Bernstein: the error falls like b^-degree, b the sum of the half-axes of the largest
        # ellipse around the window that is free of singularities.
        ratio = strip / half
        base = ratio + np.sqrt(1 + ratio**2)
        degree = int(np.ceil(-np.log(accuracy) / np.log(base)))
        self.radius = radius
        self.low, self.high = np.tanh([middle - half, middle + half]) / radius
        self.series = Chebyshev.interpolate(
            lambda u: function(np.tanh(u) / radius), degree, domain=[middle - half, middle + half]
        )
        self._first = self.series.deriv()
        self._second = self.series.deriv(2)

    def holds(self, rho: np.ndarray) -> bool:
        """Whether every rho lies in the window."""
        return bool((rho >= self.low).all() and (rho <= self.high).all())

    @checked
    def value(self, rho: Rho) -> np.ndarray:
        """Return the function."""
        return np.asarray(self.series(np.arctanh(self.radius * np.asarray(rho))))

    @checked
    def derivative(self, rho: Rho) -> np.ndarray:
        """Return its derivative with respect to rho."""
        x = self.radius * np.asarray(rho)
        return np.asarray(self._first(np.arctanh(x)) * self.radius / (1 - x**2))

    @checked
    def second_derivative(self, rho: Rho) -> np.ndarray:
        """Return its second derivative with respect to rho."""
        x = self.radius * np.asarray(rho)
        u, slope = np.arctanh(x), self.radius / (1 - x**2)
        bend = 2 * x * slope**2  # d2u / drho2
        return np.asarray(self._second(u) * slope**2 + self._first(u) * bend)


class _Displayed(Displayed):
    """What both forms print."""

    method: str
    interval: tuple[float, float]

    def _blocks(self) -> list[Block]:
        low, high = self.interval
        return [
            f"ln|I - rho W| by method {self.method!r}, for rho between {low:.4g} and {high:.4g}"
        ]


class NodeLogDet(_Displayed):
    """The log-determinant as a weighted sum over points of the spectrum.

    ``L(rho) = sum_j c_j ln|1 - rho theta_j|``: with all eigenvalues and weights of one it is exact;
    with the quadrature nodes of random probes it is an estimate whose standard error `error` gives.

    Parameters
    ----------
    nodes, node_weights : ndarray
        Points theta (real or complex) and their weights, shape (probes, nodes per probe).
    radius : float
        Spectral radius of W.
    method : str
        Name of the method.
    probe_weights : ndarray, optional
        Weights of the probes in the estimate, shape (probes,); one probe of weight one if exact.
    residual_maker : ndarray, optional
        Projection that removes the part explained by the matched moments, for the error.
    known_ones : int
        Eigenvalues equal to `radius` that were removed from the probes and are added exactly.
    """

    def __init__(
        self,
        nodes: np.ndarray,
        node_weights: np.ndarray,
        *,
        radius: float,
        method: str,
        probe_weights: np.ndarray | None = None,
        residual_maker: np.ndarray | None = None,
        known_ones: int = 0,
    ) -> None:
        self.method = method
        self.radius = radius
        self.interval = (-1 / radius, 1 / radius) if radius > 0 else (-np.inf, np.inf)
        self.nodes = np.atleast_2d(nodes)
        self.node_weights = np.atleast_2d(node_weights)
        self.probe_weights = np.ones(1) if probe_weights is None else probe_weights
        self.residual_maker = residual_maker
        self.known_ones = known_ones
        self._combined = (self.node_weights * self.probe_weights[:, None]).ravel()
        self._strip = np.pi / 2 if np.isrealobj(nodes) else np.pi / 4

    @checked
    def focus(self, rho: float, half_width: float) -> None:
        """Do nothing: all rho cost the same."""

    @checked
    def value(self, rho: Rho) -> np.ndarray:
        """Return ``ln|I - rho W|``."""
        return self._summed(rho, 0)

    @checked
    def derivative(self, rho: Rho) -> np.ndarray:
        """Return ``-tr G``."""
        return self._summed(rho, 1)

    @checked
    def second_derivative(self, rho: Rho) -> np.ndarray:
        """Return ``-tr G^2``."""
        return self._summed(rho, 2)

    @checked
    def error(self, rho: float) -> tuple[float, float, float]:
        """Return standard errors of the value and the two derivatives (zero if exact)."""
        if self.residual_maker is None:
            return (0.0, 0.0, 0.0)
        probes = len(self.probe_weights)
        freedom = np.trace(self.residual_maker)
        errors = []
        for order in range(3):
            each = (self.node_weights * _term(self.nodes, rho, order)).sum(axis=1).real
            residuals = self.residual_maker @ each
            errors.append(float(np.sqrt(residuals @ residuals / freedom / probes)))
        return (errors[0], errors[1], errors[2])

    def _summed(self, rho: float | np.ndarray, order: int) -> np.ndarray:
        points = np.asarray(rho, dtype=float)
        if points.size > 64:
            # Many points (draws) are evaluated by one short series instead of a table of points x
            # nodes.
            curve = Curve(
                lambda x: self._summed_in_parts(x, order),
                float(points.min()),
                float(points.max()),
                radius=self.radius,
                strip=self._strip,
            )
            return curve.value(points)
        return self._summed_in_parts(points, order)

    def _summed_in_parts(self, points: np.ndarray, order: int) -> np.ndarray:
        flat = self.nodes.ravel()
        total = np.array(
            [
                (self._combined * _term(flat, float(x), order)).sum().real
                for x in points.ravel()  # at most a few hundred; each is one vector over nodes
            ]
        )
        if self.known_ones:
            radius = np.array([self.radius])
            total += self.known_ones * np.array(
                [_term(radius, float(x), order)[0] for x in points.ravel()]
            )
        return total.reshape(points.shape)


def _term(nodes: np.ndarray, rho: float, order: int) -> np.ndarray:
    if order == 0:
        if np.isrealobj(nodes):
            return np.asarray(np.log1p(-rho * nodes))
        return np.asarray(np.log(1 - rho * nodes))
    ratio = nodes / (1 - rho * nodes)
    return -ratio if order == 1 else -(ratio**2)


class FactorLogDet(_Displayed):
    """The log-determinant from sparse factorisations, interpolated where many values are needed.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    radius : float
        Its spectral radius.
    scale : ndarray or None
        Scaling that makes W symmetric, from `symmetrizer`. Its eigenvalues are then real, fewer
        nodes are needed, and Cholesky factors are used where available.
    deflate : bool
        Whether rows add to one, which makes the stochastic estimate more exact.
    """

    method = "factor"

    def __init__(
        self,
        matrix: sparse.csr_array,
        *,
        radius: float,
        scale: np.ndarray | None,
        deflate: bool = False,
    ) -> None:
        self.matrix = matrix
        self.radius = radius
        self.interval = (-1 / radius, 1 / radius) if radius > 0 else (-np.inf, np.inf)
        self.factorizations = 0
        self._strip = np.pi / 4 if scale is None else np.pi / 2
        self._scale, self._deflate = scale, deflate
        self._system = ordered_system(matrix, scale)
        self._known: dict[float, float] = {}
        self._windows: list[Curve] = []

    @cached_property
    def rough(self) -> NodeLogDet:
        """The log-determinant from a dozen probes, which cost less than one factorisation.

        Each probe averages over units: of many units three are enough, without exact moments.
        """
        few = self.matrix.shape[0] > FEW_PROBES_FROM
        many = few or is_dense(self.matrix)
        return _stochastic(
            self.matrix,
            self._scale,
            self.radius,
            0,
            deflate=self._deflate,
            probes=3 if few else 12,
            steps=12 if many else 20,
            calibrate=not many,
        )

    @checked
    def focus(self, rho: float, half_width: float) -> None:
        """Interpolate within rho +- half_width, truncated near the ends of the interval."""
        low, high = rho - half_width, rho + half_width
        middle = np.arctanh(self.radius * rho)
        low = max(low, np.tanh(middle - 1.5) / self.radius)
        high = min(high, np.tanh(middle + 1.5) / self.radius)
        self._window(np.array([low, high]))

    @checked
    def value(self, rho: Rho) -> np.ndarray:
        """Return ``ln|I - rho W|``; directly, unless a window contains rho."""
        points = np.asarray(rho, dtype=float)
        window = self._find(points)
        if window is not None:
            return window.value(points)
        if points.size > 64:
            return self._window(points).value(points)
        return self._direct(points)

    @checked
    def derivative(self, rho: Rho) -> np.ndarray:
        """Return ``-tr G``."""
        return self._window(np.asarray(rho, dtype=float)).derivative(rho)

    @checked
    def second_derivative(self, rho: Rho) -> np.ndarray:
        """Return ``-tr G^2``."""
        return self._window(np.asarray(rho, dtype=float)).second_derivative(rho)

    @checked
    def error(self, rho: float) -> tuple[float, float, float]:
        """Return zeros: the only error is rounding."""
        return (0.0, 0.0, 0.0)

    def factor(self, rho: float) -> Factor:
        """Return factors of ``I - rho W``, by the analysis of W that the log-determinant uses."""
        if isinstance(self._system, PositiveSystem):
            return self._system.factor(rho)
        return factorize(self.matrix, rho)

    def _direct(self, points: np.ndarray) -> np.ndarray:
        for x in points.ravel():
            if float(x) not in self._known:
                self._known[float(x)] = self._system.logdet(float(x))
                self.factorizations += 1
        return np.array([self._known[float(x)] for x in points.ravel()]).reshape(points.shape)

    def _find(self, points: np.ndarray) -> Curve | None:
        return next((window for window in self._windows if window.holds(points)), None)

    def _window(self, points: np.ndarray) -> Curve:
        window = self._find(points)
        if window is None:
            window = self._interpolated(float(points.min()), float(points.max()))
            self._windows.append(window)
        return window

    def _interpolated(self, low: float, high: float) -> Curve:
        """Return a window: the stochastic estimate, plus its error from a few factorisations."""
        many = self.matrix.shape[0] > _MANY_UNITS
        curve = partial(
            Curve,
            radius=self.radius,
            strip=self._strip,
            least=_LEAST_OF_MANY if many else _LEAST_HALF_WIDTH,
        )
        # The strip is free of singularities of the estimate only if its points are in the disk of
        # the eigenvalues, as all of a symmetric matrix are.
        if np.abs(self.rough.nodes).max() * self.radius > 1:
            return curve(self._direct, low, high)
        difference = curve(
            lambda rho: self._direct(rho) - self.rough.value(rho),
            low,
            high,
            # Its share of the log-determinant: the error of a mean over units and probes.
            accuracy=_FLAT * np.sqrt(self.rough.nodes.shape[0] * self.matrix.shape[0]),
        )
        return curve(lambda rho: self.rough.value(rho) + difference.value(rho), low, high)


@checked
def log_determinant(
    weights: WeightsLike, method: LogDetMethod = "auto", *, seed: Seed = 0
) -> LogDet:
    """Return the log-determinant of ``I - rho W``, built once and cached with the weights.

    Parameters
    ----------
    weights : SpatialWeights, Graph or W
        W, shape (n, n).
    method : {"exact", "factor", "lanczos", "auto"}
        ``auto``: eigenvalues up to a few hundred units, factorisations up to 200 000, probes
        beyond. Where most pairs of units are linked, dense arrays: eigenvalues, or factorisations
        of a W that is not similar to a symmetric matrix, up to 20 000 units.
    seed : int, optional
        Seed of the probes of ``lanczos``.

    Returns
    -------
    LogDet
        With ``value``, ``derivative``, ``second_derivative``, ``error``, ``interval``.

    Raises
    ------
    OptionError
        If the method is unknown, or all eigenvalues do not fit into memory.

    Notes
    -----
    ``interval`` is (-1/r, 1/r), r the spectral radius: there ``I - rho W`` is regular and
    ``(I - rho W)^-1 = I + rho W + ...`` converges, so that effects are well defined.

    With the extra ``cholmod`` sparse factorisations take a fifth of the time or less; one analysis
    of W serves all of them and is kept with the weights, but not pickled.

    Sources: Ord (1975) for the eigenvalues; Pace and Barry (1997) for sparse factorisations; Barry
    and Pace (1999) for probes; Ubaru, Chen and Saad (2017) for the quadrature.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> w = nq.weights.contiguity(nq.datasets.us_income())
    >>> exact = log_determinant(w, "exact")
    >>> factor = log_determinant(w, "factor")
    >>> bool(abs(exact.value(0.5) - factor.value(0.5)) < 1e-10)
    True
    """
    if method not in ("exact", "factor", "lanczos", "auto"):
        raise OptionError(f"logdet must be 'exact', 'factor', 'lanczos' or 'auto', got {method!r}")
    w = as_weights(weights)
    key = ("logdet", method, seed)
    if key not in w.cache:
        w.cache[key] = _build(w, method, seed)
    logdet: LogDet = w.cache[key]
    return logdet


def rough_log_determinant(fine: LogDet) -> LogDet | None:
    """Return a cheap log-determinant, accurate to a fraction of a standard error of rho.

    It locates the maximum, so that all factorisations can be placed near it. None where the exact
    one is cheap itself.
    """
    return fine.rough if isinstance(fine, FactorLogDet) else None


def factor_of(logdet: object, matrix: sparse.csr_array, rho: float) -> Factor:
    """Return factors of ``I - rho W`` that share the work of the log-determinant of W."""
    return logdet.factor(rho) if isinstance(logdet, FactorLogDet) else factorize(matrix, rho)


def _build(weights: SpatialWeights, method: LogDetMethod, seed: int | None) -> LogDet:
    matrix, n = weights.sparse, weights.n_units
    scale = _symmetrizer(weights)
    if method == "auto" and is_dense(matrix):
        method = _dense_method(n, scale)
    elif method == "auto":
        small = EXACT_UP_TO_SYMMETRIC if scale is not None else EXACT_UP_TO
        method = "exact" if n <= small else "factor" if n <= FACTOR_UP_TO else "lanczos"
    if method == "exact":
        values = _eigenvalues(matrix, scale)
        radius = _radius(weights, lambda: float(np.abs(values).max()))
        return NodeLogDet(values, np.ones_like(values.real), radius=radius, method="exact")
    radius = _radius(weights, lambda: spectral_radius(matrix))
    if method == "factor":
        return FactorLogDet(matrix, radius=radius, scale=scale, deflate=weights.rows_add_to_one)
    return _stochastic(
        matrix, scale, radius, seed, deflate=weights.rows_add_to_one, probes=PROBES, steps=STEPS
    )


def _dense_method(n: int, scale: np.ndarray | None) -> LogDetMethod:
    """Return the method where most pairs are linked, so that a factor costs n^3 operations."""
    if n > DENSE_UP_TO:
        return "lanczos"
    return "exact" if scale is not None or n <= EXACT_UP_TO else "factor"


def _radius(weights: SpatialWeights, otherwise: Callable[[], float]) -> float:
    """Return the largest modulus of an eigenvalue; it is known where rows add to one."""
    if weights.rows_add_to_one:
        # Sums of rounded weights, and hence the eigenvalue, may slightly exceed one.
        largest = float(weights.sparse.sum(axis=1).max())
        return largest if abs(largest - 1) > 1e-12 else 1.0
    radius = otherwise()
    if radius <= 1e-12 * abs(weights.sparse).max():
        raise WeightsError(
            "no chain of links leads back to the unit that it began with (or there are no links), "
            "so that rho has no bounds; use weights with links in both directions"
        )
    return radius


def _symmetrizer(weights: SpatialWeights) -> np.ndarray | None:
    if "symmetrizer" not in weights.cache:
        weights.cache["symmetrizer"] = symmetrizer(weights.sparse)
    symmetrizing: np.ndarray | None = weights.cache["symmetrizer"]
    return symmetrizing


def _stochastic(
    matrix: sparse.csr_array,
    scale: np.ndarray | None,
    radius: float,
    seed: int | None,
    *,
    deflate: bool,
    probes: int,
    steps: int,
    calibrate: bool = True,
) -> NodeLogDet:
    quadrature = probe_quadrature(
        matrix,
        scale,
        deflate=deflate,
        seed=seed,
        probes=probes,
        steps=steps,
        calibrate=calibrate,
    )
    return NodeLogDet(
        quadrature.nodes,
        quadrature.node_weights,
        radius=radius,
        method="lanczos",
        probe_weights=quadrature.probe_weights,
        residual_maker=quadrature.residual_maker,
        known_ones=quadrature.known_ones,
    )


def _eigenvalues(matrix: sparse.csr_array, scale: np.ndarray | None) -> np.ndarray:
    n = matrix.shape[0]
    require_memory(
        _BYTES_PER_CELL * n**2, f"all eigenvalues of {n} units", "pass logdet='factor' or 'lanczos'"
    )
    dense = matrix.toarray()
    if scale is None:
        return np.asarray(np.linalg.eigvals(dense))
    dense *= scale[:, None]
    dense /= scale[None, :]
    dense += dense.T
    dense /= 2
    return np.asarray(np.linalg.eigvalsh(dense))
