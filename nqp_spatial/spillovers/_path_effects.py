"""Effects along the paths from x to y: through the mediator, by its place, and past it.

The inputs of the effects of one variable are, of the outcome's model, beta and theta of the
mediator and of x, the argument a and the divisor d; of the mediator's model beta and theta of x,
c and d. All effects are a fixed linear map of seven means: five of ``S^y_m S^m_x`` (see
`_path_functions`), and the mean diagonal and the mean row sum of ``S^y_x``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nqp_spatial.errors import OptionError
from nqp_spatial.regression._effect_parameters import not_stable
from nqp_spatial.regression._trace_functions import TraceFunctions
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.spillovers._path_functions import PathFunctions

__all__ = ["ROWS", "Leg", "PathEffects"]

#: Path and effect of each row, and its coefficients on the seven means.
_MAP = {
    ("mediated", "direct"): (1, 0, 0, 0, 0, 0, 0),
    ("mediated", "indirect"): (-1, 1, 0, 0, 0, 0, 0),
    ("mediated", "total"): (0, 1, 0, 0, 0, 0, 0),
    ("x_i-m_i-y_i", "direct"): (0, 0, 1, 0, 0, 0, 0),
    ("x_i-m_j-y_i", "direct"): (1, 0, -1, 0, 0, 0, 0),
    ("x_j-m_i-y_i", "indirect"): (0, 0, -1, 1, 0, 0, 0),
    ("x_j-m_j-y_i", "indirect"): (0, 0, -1, 0, 1, 0, 0),
    ("x_j-m_k-y_i", "indirect"): (-1, 1, 2, -1, -1, 0, 0),
    ("remainder", "direct"): (0, 0, 0, 0, 0, 1, 0),
    ("remainder", "indirect"): (0, 0, 0, 0, 0, -1, 1),
    ("remainder", "total"): (0, 0, 0, 0, 0, 0, 1),
    ("all paths", "direct"): (1, 0, 0, 0, 0, 1, 0),
    ("all paths", "indirect"): (-1, 1, 0, 0, 0, -1, 1),
    ("all paths", "total"): (0, 1, 0, 0, 0, 0, 1),
}
ROWS = tuple(_MAP)
_MATRIX = np.array(list(_MAP.values()), dtype=float)


@dataclass(frozen=True, eq=False)
class Leg:
    """The parameters of one model that are the inputs of paths.

    Attributes
    ----------
    model : RegressionResult
    horizon : str
        "static", "short-run" or "long-run"; static and short-run effects have the same formula.
    """

    model: RegressionResult
    horizon: str

    def position(self, block: str, name: str) -> int | None:
        """Return the position of a parameter, None if the model does not have it."""
        index = self.model.params.index
        return int(index.get_loc((block, name))) if (block, name) in index else None

    def coefficient(self, params: np.ndarray, block: str, name: str) -> np.ndarray:
        """Return a parameter of each set of parameters, shape (sets,); zero if there is none."""
        position = self.position(block, name)
        return np.zeros(len(params)) if position is None else params[:, position]

    def argument(self, params: np.ndarray) -> np.ndarray:
        """Return the argument of the inverse and the divisor of effects, shape (2, sets).

        These are (rho, 1), and ((rho + eta) / (1 - tau), 1 - tau) in the long run.
        """
        rho = self.coefficient(params, "spatial", "rho")
        if self.horizon != "long-run":
            return np.stack([rho, np.ones_like(rho)])
        divisor = 1 - self.coefficient(params, "dynamic", "tau")
        return np.stack([(rho + self.coefficient(params, "dynamic", "eta")) / divisor, divisor])

    def is_stable(self, params: np.ndarray) -> np.ndarray:
        """Whether effects exist, for each set of parameters."""
        x, divisor = self.argument(params)
        low, high = self._interval
        return np.asarray((x > low) & (x < high) & (divisor > 0))

    @property
    def _interval(self) -> tuple[float, float]:
        logdet = self.model.logdet
        return (-np.inf, np.inf) if logdet is None else logdet.interval

    @property
    def has_effects(self) -> bool:
        """Whether effects exist at the estimate."""
        return bool(self.is_stable(self.model.params.to_numpy()[None])[0])

    def require_stable(self) -> None:
        """Raise `OptionError` if the estimate has no effects."""
        if not self.has_effects:
            x = float(self.argument(self.model.params.to_numpy()[None])[0, 0])
            words = not_stable(x, self._interval, self.horizon)
            raise OptionError(f"the model of {self.model.spec.outcome!r} {words}")

    def slopes(self, *names: str) -> np.ndarray:
        """Return the derivatives of (beta, theta) of each name, argument and divisor.

        Shape (2 names + 2, parameters).
        """
        params = self.model.params.to_numpy()
        matrix = np.zeros((2 * len(names) + 2, len(params)))
        for row, (block, name) in enumerate((b, name) for name in names for b in ("x", "wx")):
            position = self.position(block, name)
            if position is not None:
                matrix[row, position] = 1.0
        x, divisor = self.argument(params[None])[:, 0]
        by_rho = self.position("spatial", "rho")
        if by_rho is not None:
            matrix[-2, by_rho] = 1 / divisor
        if self.horizon == "long-run":
            by_eta, by_tau = self.position("dynamic", "eta"), self.position("dynamic", "tau")
            if by_eta is not None:
                matrix[-2, by_eta] = 1 / divisor
            if by_tau is not None:
                matrix[-2, by_tau] = x / divisor
                matrix[-1, by_tau] = -1.0
        return matrix


class PathEffects:
    """Effects along the paths of one horizon, for sets of parameters of both models.

    Parameters
    ----------
    outcome, mediator : Leg
    name : str
        The mediator, as it is called in the outcome's equation.
    params : tuple of ndarray
        The sets of parameters of both models for which effects are wanted, each (sets, parameters).
    """

    def __init__(
        self,
        outcome: Leg,
        mediator: Leg,
        name: str,
        params: tuple[np.ndarray, np.ndarray],
    ) -> None:
        self.legs, self.name, self.params = (outcome, mediator), name, params
        self._arguments = outcome.argument(params[0]), mediator.argument(params[1])
        models = outcome.model, mediator.model
        self._functions = PathFunctions(
            models[0].terms, models[1].terms,
            (self._arguments[0][0], self._arguments[1][0]),
            (models[0].logdet, models[1].logdet),
        )  # fmt: skip
        self._traces = TraceFunctions(models[0].terms, models[0].logdet)

    @property
    def is_exact(self) -> bool:
        """Whether the means are exact, not estimated from random probes."""
        return self._functions.is_exact

    def values(self, variable: str) -> np.ndarray:
        """Return the effects of a variable, shape (sets, rows)."""
        (a, d), (c, e) = self._arguments
        left, right, past = self._coefficients(variable)
        products = self._functions.values(a, c)
        five = np.einsum("df,dg,dfgq->dq", left, right, products) / (d * e)[:, None]
        two = np.einsum("df,fqd->dq", past, self._remainder(self._traces.values(a), a))
        return np.asarray(np.column_stack([five, two / d[:, None]]) @ _MATRIX.T)

    def gradient(self, variable: str) -> np.ndarray:
        """Return the derivatives of the effects at the first set of parameters.

        With respect to the parameters of the outcome's model, then of the mediator's; shape (rows,
        parameters).
        """
        (a, d), (c, e) = (arguments[:, 0] for arguments in self._arguments)
        left, right, past = (rows[0] for rows in self._coefficients(variable))
        products = self._functions.values(np.array([a]), np.array([c]))[0]
        by_a, by_c = self._functions.derivatives(float(a), float(c))
        five = np.einsum("f,g,fgq->q", left, right, products)
        values, slopes = self._traces.derivatives(float(a))
        g = self._remainder(values[:, None], np.array([a]))[..., 0]
        g_slopes = np.stack([values[:2] + a * slopes[:2], slopes[2:]])
        two = past @ g
        # Inputs: beta and theta of m, of x, a, d; beta and theta of x, c, e.
        first, second = np.zeros((7, 6)), np.zeros((7, 4))
        first[:5, :2] = np.einsum("g,fgq->qf", right, products) / (d * e)
        first[5:, 2:4] = g.T / d
        first[:5, 4] = np.einsum("f,g,fgq->q", left, right, by_a) / (d * e)
        first[5:, 4] = past @ g_slopes / d
        first[:5, 5], first[5:, 5] = -five / (d**2 * e), -two / d**2
        second[:5, :2] = np.einsum("f,fgq->qg", left, products) / (d * e)
        second[:5, 2] = np.einsum("f,g,fgq->q", left, right, by_c) / (d * e)
        second[:5, 3] = -five / (d * e**2)
        outcome, mediator = self.legs
        by_outcome = first @ outcome.slopes(self.name, variable)
        by_mediator = second @ mediator.slopes(variable)
        return np.asarray(_MATRIX @ np.column_stack([by_outcome, by_mediator]))

    def monte_carlo_errors(self, variable: str) -> np.ndarray:
        """Return the errors of the first set's effects that random probes cause, shape (rows,)."""
        if self.is_exact:
            return np.zeros(len(ROWS))
        (a, d), (c, e) = (arguments[:, 0] for arguments in self._arguments)
        left, right, _ = (rows[0] for rows in self._coefficients(variable))
        groups = self._functions.group_values(float(a), float(c))
        five = np.einsum("f,g,rfgq->rq", left, right, groups) / (d * e)
        rows = five @ _MATRIX[:, :5].T
        return np.asarray(rows.std(axis=0, ddof=1) / np.sqrt(len(rows)))

    def _coefficients(self, variable: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (beta, theta) of m in the outcome, of x in the mediator, of x in the outcome."""
        outcome, mediator = self.legs
        pairs = (
            (outcome, self.params[0], self.name),
            (mediator, self.params[1], variable),
            (outcome, self.params[0], variable),
        )
        left, right, past = (
            np.stack([leg.coefficient(params, block, name) for block in ("x", "wx")], axis=1)
            for leg, params, name in pairs
        )
        return left, right, past

    @staticmethod
    def _remainder(traces: np.ndarray, a: np.ndarray) -> np.ndarray:
        """Return the mean diagonal and row sum of P and of P V, shape (2, 2, sets)."""
        return np.stack([1 + a * traces[:2], traces[2:]])
