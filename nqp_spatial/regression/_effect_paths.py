"""Effects by horizon: on y, h periods after a change in x that lasts one period."""

from __future__ import annotations

import numpy as np
from scipy import sparse, special

from nqp_spatial.errors import OptionError
from nqp_spatial.regression._effect_parameters import EffectParameters
from nqp_spatial.regression._mean_responses import MeanResponses, Spectrum, spectrum_of
from nqp_spatial.regression.likelihood.log_determinant import log_determinant
from nqp_spatial.regression.likelihood.sizes import EXACT_EFFECTS_UP_TO
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["EigenDecomposition"]

# Powers of W: the first whose size is below rounding, some more for the factor k^h, and the most.
_FLAT, _MORE_POWERS, _MOST_POWERS = 1e-17, 40, 400


class EigenDecomposition:
    """Nodes and weights with ``tr f(W) = sum_j c_j f(w_j)``, for functions not given by L.

    Parameters
    ----------
    weights : SpatialWeights
        Rows add to one, so that row sums of f(W) are f(1).
    """

    def __init__(self, weights: SpatialWeights) -> None:
        self.weights = weights
        small = weights.n_units <= 2000
        logdet = log_determinant(weights, "exact" if small else "lanczos")
        nodes = np.asarray(logdet.nodes)  # type: ignore[attr-defined]
        shares = logdet.node_weights * logdet.probe_weights[:, None]  # type: ignore[attr-defined]
        ones = logdet.known_ones  # type: ignore[attr-defined]
        self.nodes = np.concatenate([nodes.ravel(), np.ones(min(ones, 1))])
        self.shares = np.concatenate([shares.ravel(), np.full(min(ones, 1), float(ones))])
        self.n = weights.n_units

    def paths(
        self,
        parameters: EffectParameters,
        draws: np.ndarray,
        horizons: list[int],
        responses: MeanResponses,
    ) -> dict[int, np.ndarray]:
        """Return effects on y, h periods after a change in x that lasts one period.

        ``f_h(w) = ((tau + eta w) / (1 - rho w))^h (beta + theta w) / (1 - rho w)``.

        Parameters
        ----------
        parameters : EffectParameters
        draws : ndarray
            Shape (draws, parameters).
        horizons : list of int
        responses : MeanResponses
            With the rows of effects.

        Returns
        -------
        dict of ndarray
            For each horizon, shape (draws, R, 3).

        Raises
        ------
        OptionError
            If derivatives differ between units and W is too large, or rho too near one.
        """
        rows, varying = responses.rows, self._varying(responses, parameters, draws)
        beta, theta = (part[:, rows.column] for part in parameters.coefficients(draws))
        effects = {h: np.empty((len(draws), len(rows.names), 3)) for h in horizons}
        batch = max(1, 2_000_000 // len(self.nodes))
        for start in range(0, len(draws), batch):
            part = slice(start, start + batch)
            w = np.concatenate([self.nodes, [1.0]])[None, :]
            for h in horizons:
                factor = _responses(parameters, draws[part], w, h)
                mean = (factor[:, :-1] @ self.shares).real / self.n
                mean_w = (factor[:, :-1] @ (self.shares * self.nodes)).real / self.n
                sums = factor[:, -1].real
                constant = rows.constant
                direct = constant * (beta[part] * mean[:, None] + theta[part] * mean_w[:, None])
                total = constant * (beta[part] + theta[part]) * sums[:, None]
                if varying is not None:
                    a, b, c, d = varying.sums(draws[part], parameters, h)
                    places = responses.pieces
                    betas, thetas = beta[part][:, places], theta[part][:, places]
                    direct[:, places] = betas * a + thetas * b
                    total[:, places] = betas * c + thetas * d
                direct, total = rows.sums(direct), rows.sums(total)
                effects[h][part] = np.stack([direct, total - direct, total], axis=-1)
        return effects

    def _varying(
        self, responses: MeanResponses, parameters: EffectParameters, draws: np.ndarray
    ) -> _BySpectrum | _ByPowers | None:
        """Return the sums for pieces that differ between units, if any."""
        if not len(responses.pieces):
            return None
        links = self.weights.sparse
        if self.n <= EXACT_EFFECTS_UP_TO:
            spectrum = spectrum_of(links, links, responses.slopes)
            if spectrum is not None:
                return _BySpectrum(spectrum)
            size = np.abs(parameters.value(draws, "rho")).max()
            count = int(np.ceil(np.log(_FLAT) / np.log(max(size, 0.1)))) + _MORE_POWERS
            if count <= _MOST_POWERS:
                return _ByPowers(links, responses.slopes, count)
        raise OptionError(
            "effects by horizon of variables whose effect differs between units need powers of W, "
            f"which are offered for up to {EXACT_EFFECTS_UP_TO} units and rho not near one: state "
            "all values that effects depend on in at="
        )


def _responses(
    parameters: EffectParameters, draws: np.ndarray, w: np.ndarray, horizon: int
) -> np.ndarray:
    """Return ``((tau + eta w) / (1 - rho w))^h / (1 - rho w)`` for each draw and node."""
    rho, tau, eta = (parameters.value(draws, name)[:, None] for name in ("rho", "tau", "eta"))
    inverse = 1 / (1 - rho * w)
    return np.asarray(((tau + eta * w) * inverse) ** horizon * inverse)


class _BySpectrum:
    """Sums over the eigenvalues of W."""

    def __init__(self, spectrum: Spectrum) -> None:
        self.spectrum = spectrum

    def sums(self, draws: np.ndarray, parameters: EffectParameters, horizon: int) -> np.ndarray:
        """Return the four functions of `MeanResponses`, shape (4, draws, pieces)."""
        nodes = self.spectrum.nodes[None, :]
        return self.spectrum.sums(_responses(parameters, draws, nodes, horizon))


class _ByPowers:
    """Sums over the powers of a W that may have no eigenvectors.

    Parameters
    ----------
    links : csr_array
        W, rows add to one.
    slopes : ndarray
        Diagonals D, shape (pieces, n).
    count : int
        Powers after which terms are negligible.
    """

    def __init__(self, links: sparse.csr_array, slopes: np.ndarray, count: int) -> None:
        n = slopes.shape[1]
        power, sums = np.eye(n), np.ones(n)
        direct, total = [], []
        for _ in range(count + 1):
            direct.append(slopes @ power.diagonal() / n)
            total.append(slopes @ sums / n)
            power, sums = links @ power, links.T @ sums
        self.direct, self.total = np.array(direct), np.array(total)

    def sums(self, draws: np.ndarray, parameters: EffectParameters, horizon: int) -> np.ndarray:
        """Return the four functions of `MeanResponses`, shape (4, draws, pieces)."""
        rho, tau, eta = (parameters.value(draws, name)[:, None] for name in ("rho", "tau", "eta"))
        powers = np.arange(len(self.direct) - 1)
        coefs = special.binom(powers + horizon, horizon) * rho**powers
        for _ in range(horizon):
            moved = np.pad(coefs[:, :-1], ((0, 0), (1, 0)))
            coefs = tau * coefs + eta * moved
        return np.stack(
            [
                coefs @ self.direct[:-1], coefs @ self.direct[1:],
                coefs @ self.total[:-1], coefs @ self.total[1:],
            ]
        )  # fmt: skip
