"""Maximum likelihood with error components: effects that are not spatial, serial correlation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import optimize, sparse

from nqp_spatial.core.text import t
from nqp_spatial.errors import BoundaryError, ConvergenceError
from nqp_spatial.regression._estimated import Convergence
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression.covariance.information import Estimate, scaled_inverse
from nqp_spatial.regression.estimators.estimated import Estimated, UnitEffects
from nqp_spatial.regression.estimators.ml import LogDeterminants
from nqp_spatial.regression.likelihood.error_components import (
    ErrorComponents,
    Form,
    fourth_order_slopes,
)
from nqp_spatial.regression.likelihood.log_determinant import LogDet

__all__ = ["fit_error_components"]

_LEAST, _LARGEST = -14.0, 9.0  # ln omega; below, the unit effects have no variance
_NAMES = ("rho", "lam", "omega", "psi")
_DIFFERENCE = 1e-3


def fit_error_components(data: ModelData, determinants: LogDeterminants) -> Estimated:
    """Estimate a model with random effects or serially correlated errors.

    Parameters
    ----------
    data : ModelData
        With ``spec.has_error_components``.
    determinants : LogDeterminants

    Returns
    -------
    Estimated

    Raises
    ------
    BoundaryError
        If a parameter reaches the end of its interval.
    ConvergenceError
        If the maximum cannot be found.

    Notes
    -----
    The covariance is the inverse of the observed information; second derivatives by the parameters
    of the errors are differences of analytic first derivatives. Sources: Baltagi, Song and Koh
    (2003), Journal of Econometrics 117, 123-150; Baltagi, Song, Jung and Koh (2007), Journal of
    Econometrics 140, 5-51; Kapoor, Kelejian and Prucha (2007), Journal of Econometrics 140, 97-130.
    """
    problem = _Problem.of(data, determinants)
    spec, notes = data.spec, []
    fits = [problem.maximum(has_omega=False)]
    if spec.has_phi:
        fits.append(problem.maximum(has_omega=True))
    candidates = [(at, value) for at, value in fits if at is not None]
    if not candidates:
        raise ConvergenceError(
            "the likelihood has no maximum inside the admissible region: take a simpler model"
        )
    at, loglik = max(candidates, key=lambda pair: pair[1])
    if spec.has_phi and at[2] == 0:
        notes.append(t("the variance of the unit effects is estimated as zero: phi = 1"))
    estimate, cov = problem.estimate(at)
    residuals, effects = problem.residuals(at, estimate)
    logdet = determinants.one or determinants.error
    convergence = Convergence(
        0, problem.slope(at), "" if logdet is None else logdet.method, 0.0,
        (-np.inf, np.inf) if logdet is None else logdet.interval,
    )  # fmt: skip
    return Estimated(
        estimate, cov, float(loglik), convergence, tuple(notes), residuals=residuals,
        unit_effects=effects if spec.has_phi else None,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Problem:
    """The likelihood of (rho, lam, omega, psi), the coefficients and sigma2 concentrated out."""

    data: ModelData
    components: ErrorComponents
    logdets: tuple[LogDet | None, LogDet | None]

    @classmethod
    def of(cls, data: ModelData, determinants: LogDeterminants) -> _Problem:
        p, (n, periods), spec = data.projection, data.shape, data.spec
        columns = np.column_stack([p.left_y, p.left_lag, p.z @ p.unscale])
        lagged: np.ndarray | None = None
        errors: sparse.csr_array | None = None
        if p.by_u is not None:
            z, y, lag_y = p.by_u
            lagged = np.column_stack([y - z @ p.coef_y, lag_y - z @ p.coef_lag, z @ p.unscale])
            lagged = lagged.reshape(n, periods, -1)
            errors = data.terms.matrix_u
        components = ErrorComponents(
            columns.reshape(n, periods, -1), lagged, errors,
            is_spatial=spec.random_errors == "kkp",
        )  # fmt: skip
        outcome = determinants.one if spec.has_rho else None
        return cls(data, components, (outcome, determinants.error if spec.has_lam else None))

    # -- values ------------------------------------------------------------------------------------

    @property
    def observations(self) -> int:
        return int(self.components.n * self.components.periods)

    def _direction(self, matrix: np.ndarray, rho: float) -> np.ndarray:
        """Return ``v = (1, -rho, -d)`` with the coefficients d that minimise ``v'K v``."""
        head = np.array([1.0, -rho])
        d = np.linalg.solve(matrix[2:, 2:], matrix[2:, :2] @ head)
        return np.concatenate([head, -d])

    def value(self, at: np.ndarray, form: Form | None = None) -> float:
        """Return the concentrated log-likelihood."""
        form = form or self.components.at(*at[1:])
        v = self._direction(form.matrix, at[0])
        n, periods = self.observations, self.components.periods
        total = -n / 2 * (np.log(2 * np.pi * float(v @ form.matrix @ v) / n) + 1) + form.constant
        for logdet, x in zip(self.logdets, at[:2], strict=True):
            total += 0.0 if logdet is None else periods * float(logdet.value(x))
        return float(total)

    def gradient(self, at: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log-likelihood and its gradient by (rho, lam, omega, psi)."""
        form = self.components.at(*at[1:], slopes=True)
        v = self._direction(form.matrix, at[0])
        image = form.matrix @ v
        square, n = float(v @ image), self.observations
        assert form.constant_slopes is not None
        slopes = np.array([-2 * image[1], *(float(v @ part @ v) for part in form.slopes)])
        gradient = -n / 2 * slopes / square + np.concatenate([[0.0], form.constant_slopes])
        for position, logdet in enumerate(self.logdets):
            if logdet is not None:
                gradient[position] += self.components.periods * float(
                    logdet.derivative(at[position])
                )
        return self.value(at, form), gradient

    # -- the search --------------------------------------------------------------------------------

    def _active(self, *, has_omega: bool) -> list[int]:
        spec = self.data.spec
        flags = (spec.has_rho, spec.has_lam, has_omega, spec.serial)
        return [position for position, has in enumerate(flags) if has]

    def _radii(self) -> np.ndarray:
        return np.array([1 if x is None else 1 / x.interval[1] for x in self.logdets] + [1.0, 1.0])

    def point(self, u: np.ndarray, active: list[int]) -> np.ndarray:
        """Return (rho, lam, omega, psi) of unbounded coordinates."""
        at = np.zeros(4)
        radii = self._radii()
        for position, x in zip(active, u, strict=True):
            at[position] = np.exp(x) if position == 2 else np.tanh(x) / radii[position]
        return at

    def _scales(self, at: np.ndarray, active: list[int]) -> np.ndarray:
        """Return the derivatives of the parameters by their coordinates."""
        radii = self._radii()
        scales = (1 - (radii * at) ** 2) / radii
        scales[2] = at[2]
        return np.asarray(scales[active])

    def maximum(self, *, has_omega: bool) -> tuple[np.ndarray | None, float]:
        """Return the highest maximum, and its log-likelihood; None where none is inside."""
        active = self._active(has_omega=has_omega)
        if not active:
            at = np.zeros(4)
            return at, self.value(at)
        bounds = [(_LEAST, _LARGEST) if position == 2 else (-7.0, 7.0) for position in active]

        def loss(u: np.ndarray) -> tuple[float, np.ndarray]:
            at = self.point(u, active)
            value, gradient = self.gradient(at)
            return -value, -gradient[active] * self._scales(at, active)

        best: tuple[np.ndarray | None, float] = (None, -np.inf)
        for start in self._starts(active):
            end = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
            u, settled = self._polished(end.x, loss)
            value = -loss(u)[0]
            if settled and value > best[1]:
                at = self.point(u, active)
                if not (has_omega and u[active.index(2)] <= _LEAST + 1):
                    self._refuse_edges(u, active)
                    best = (at, value)
        return best

    def _starts(self, active: list[int]) -> list[np.ndarray]:
        """Return the highest points of a grid."""
        grids = {0: [-0.5, 0.0, 0.5, 1.2], 1: [-0.5, 0.0, 0.5, 1.2], 2: [-3.0, -0.5, 2.0],
                 3: [-0.3, 0.3, 1.2]}  # fmt: skip
        points = [np.array(u) for u in product(*(grids[position] for position in active))]
        # Rho last: K is the same for all of its values.
        forms: dict[tuple[float, ...], Form] = {}
        heights = []
        for u in points:
            at = self.point(u, active)
            key = tuple(at[1:])
            if key not in forms:
                forms[key] = self.components.at(*at[1:])
            heights.append(self.value(at, forms[key]))
        return [points[place] for place in np.argsort(heights)[::-1][:3]]

    def _polished(
        self, u: np.ndarray, loss: Callable[..., tuple[float, np.ndarray]]
    ) -> tuple[np.ndarray, bool]:
        """Return the end of Newton steps, their matrix by differences of the gradient."""
        for _ in range(12):
            slope = loss(u)[1]
            steps = np.full(len(u), 1e-4)
            hessian = np.array(fourth_order_slopes(lambda at: loss(at)[1], u, steps))
            hessian = (hessian + hessian.T) / 2
            if np.linalg.eigvalsh(hessian).min() <= 0:
                return u, False
            move = -np.linalg.solve(hessian, slope)
            u = u + move * min(1.0, 0.5 / float(np.abs(move).max(initial=1e-300)))
            if float(np.abs(move).max()) < 1e-9:
                return u, True
        return u, bool(np.abs(move).max() < 1e-6)

    def _refuse_edges(self, u: np.ndarray, active: list[int]) -> None:
        for position, x in zip(active, u, strict=True):
            if position != 2 and abs(x) > 6:
                raise BoundaryError(
                    f"the likelihood of {_NAMES[position]} rises up to the edge of its interval: "
                    "the errors follow their past or their neighbours without limit; take "
                    "differences, a dynamic model, or fixed effects"
                )

    def slope(self, at: np.ndarray) -> float:
        """Return the largest derivative at the solution, in standard errors of about 1/sqrt(N)."""
        active = self._active(has_omega=at[2] > 0)
        gradient = self.gradient(at)[1][active] * self._scales(at, active)
        return float(np.abs(gradient).max(initial=0.0) / np.sqrt(self.observations))

    # -- the result --------------------------------------------------------------------------------

    def estimate(self, at: np.ndarray) -> tuple[Estimate, np.ndarray]:
        """Return the estimate and the covariance of (coefs, rho, lam, phi, psi, sigma2)."""
        p, periods = self.data.projection, self.components.periods
        form = self.components.at(*at[1:])
        v = self._direction(form.matrix, at[0])
        sigma2 = float(v @ form.matrix @ v) / self.observations
        k, active = p.z.shape[1], self._active(has_omega=at[2] > 0)
        coefs = p.coef_y - p.coef_lag[:, 0] * at[0] + p.unscale @ -v[2:]
        phi = float((1 + periods * at[2]) ** -0.5)
        inverse = scaled_inverse(self._information(at, v, sigma2, active))
        # From (d, rho, lam, omega, psi, sigma2) to (coefs, rho, lam, phi, psi, sigma2).
        size = k + len(active) + 1
        jacobian = np.eye(size)
        jacobian[:k, :k] = p.unscale
        if 0 in active:
            jacobian[:k, k] = -p.coef_lag[:, 0]
        if 2 in active:
            place = k + active.index(2)
            jacobian[place, place] = -periods / 2 * phi**3
        estimate = Estimate(
            coefs, at[:1].copy(), float(at[1]), sigma2, p, self.data.counts, tuple(active), phi,
            float(at[3]),
        )  # fmt: skip
        return estimate, jacobian @ inverse @ jacobian.T

    def _information(
        self, at: np.ndarray, v: np.ndarray, sigma2: float, active: list[int]
    ) -> np.ndarray:
        """Return minus the Hessian of the log-likelihood by (d, active parameters, sigma2)."""
        others = [position for position in active if position]
        form = self.components.at(*at[1:], slopes=True)
        image, n = form.matrix @ v, self.observations
        linear = [*range(2, len(v)), *([1] if 0 in active else [])]
        r = len(linear)
        size = r + len(others) + 1
        h = np.zeros((size, size))
        h[:r, :r] = form.matrix[np.ix_(linear, linear)] / sigma2
        h[:r, -1] = image[linear] / sigma2**2
        if 0 in active:
            assert self.logdets[0] is not None
            curvature = float(self.logdets[0].second_derivative(at[0]))
            h[r - 1, r - 1] -= self.components.periods * curvature

        def terms(parameters: np.ndarray) -> np.ndarray:
            moved = self.components.at(*parameters, slopes=True)
            assert moved.constant_slopes is not None
            squares = np.array([float(v @ part @ v) for part in moved.slopes])
            return moved.constant_slopes - squares / (2 * sigma2)

        scales = self._scales(at, [1, 2, 3])
        steps = _DIFFERENCE * np.where(scales > 0, scales, 1.0)
        second = {}
        for position in others:
            only = np.zeros(3)
            only[position - 1] = steps[position - 1]
            second[position - 1] = _along(terms, at[1:], only) / steps[position - 1]
        for place, position in enumerate(others, start=r):
            bends = second[position - 1]
            slope = form.slopes[position - 1] @ v
            h[:r, place] = -slope[linear] / sigma2
            for other, second_position in enumerate(others, start=r):
                h[place, other] = -bends[second_position - 1]
            if position == 1:
                assert self.logdets[1] is not None
                curvature = float(self.logdets[1].second_derivative(at[1]))
                h[place, place] -= self.components.periods * curvature
            h[place, -1] = -float(v @ slope) / (2 * sigma2**2)
        h[-1, -1] = n / (2 * sigma2**2)
        return np.asarray(np.triu(h) + np.triu(h, 1).T)

    def residuals(self, at: np.ndarray, estimate: Estimate) -> tuple[np.ndarray, UnitEffects]:
        """Return the innovations v, shape (N,), and the predicted unit effects."""
        shape, w = self.data.shape, self.components.errors
        lam, omega, psi = at[1:]
        disturbances = estimate.disturbances.reshape(shape)
        predicted = self.components.effects(disturbances, lam, omega, psi)
        if not self.components.is_spatial:
            disturbances = disturbances - predicted[:, None]
        errors = disturbances if w is None else disturbances - lam * (w @ disturbances)
        if self.components.is_spatial:
            errors = errors - predicted[:, None]
        innovations = errors.copy()
        innovations[:, 1:] -= psi * errors[:, :-1]
        return innovations.ravel(), UnitEffects(predicted, omega * estimate.sigma2)


def _along(
    function: Callable[[np.ndarray], np.ndarray], at: np.ndarray, step: np.ndarray
) -> np.ndarray:
    """Return the change of a function along a step, from differences of fourth order."""
    return fourth_order_slopes(lambda x: function(at + x[0] * step), np.zeros(1), np.ones(1))[0]
