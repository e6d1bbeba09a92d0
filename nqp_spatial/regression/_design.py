"""The arrays of a model: y, X and their spatial lags, units by periods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import CollinearityError, UnknownColumnError, sample
from nqp_spatial.regression._evaluation import FormulaSide, evaluate, evaluate_side
from nqp_spatial.regression._formulas import Functions, names_in

__all__ = ["INTERCEPT", "Design", "build_design", "lagged_names"]

INTERCEPT = "Intercept"


@dataclass(frozen=True)
class Design:
    """Arrays of a model, before fixed effects are removed.

    Attributes
    ----------
    outcome : str
        Name of y.
    names, lagged : tuple of str
        Columns of X; those whose spatial lag W X enters.
    y, lag_y : ndarray
        Shapes (n_units, periods) and (n_units, periods, R); ``lag_y`` has the R spatial lags W_k y,
        or a single column of zeros where the model has no rho. A dynamic model has one period fewer
        than the panel.
    z : ndarray
        ``[X, W X, y_(t-1), W y_(t-1)]``, where the model has them, shape (n_units, periods,
        columns).
    columns : tuple of str
        Names of the columns of z, for messages.
    means : tuple of (str, str)
        Block ("mean" or "wmean") and name of the unit means among them.
    model_specs : tuple of FormulaSide, or None
        Both sides of the formula, used to build the same columns from other data.
    notes : tuple of str
        Which columns are not lagged, and why.
    """

    outcome: str
    names: tuple[str, ...]
    lagged: tuple[str, ...]
    y: np.ndarray
    lag_y: np.ndarray
    z: np.ndarray
    columns: tuple[str, ...]
    means: tuple[tuple[str, str], ...] = ()
    model_specs: tuple[FormulaSide, FormulaSide] | None = None
    notes: tuple[str, ...] = ()

    @property
    def notes_on_terms(self) -> tuple[str, ...]:
        """Return the variables that enter in several terms."""
        return () if self.model_specs is None else self.model_specs[1].notes_on_terms()


def build_design(
    formula: str,
    panel: SpatialPanel,
    lag_y: sparse.csr_array | None,
    lag_x: sparse.csr_array | None,
    *,
    keep_intercept: bool,
    durbin: str | Iterable[str] | None,
    dynamics: tuple[str, ...] = (),
    with_means: bool = False,
    functions: Functions | None = None,
) -> Design:
    """Evaluate the formula on the panel and form the lags of the model.

    Parameters
    ----------
    formula : str
        In the syntax of formulaic, ``"y ~ x1 + np.log(x2) + C(group)"``.
    panel : SpatialPanel
        Balanced and complete in the columns that the formula uses.
    lag_y, lag_x : csr_array or None
        W of the outcome and W of the regressors, in the order of the panel's units, where the
        model has them.
    keep_intercept : bool
        False where fixed effects replace it.
    durbin : str or iterable of str, optional
        The part of X to lag, as the right side of a formula or as column names; all by default.
    dynamics : tuple of str
        "tau" for y_(t-1), "eta" for W y_(t-1).
    with_means : bool
        Whether unit means of the regressors that vary over time enter too.
    functions : mapping, optional
        The caller's own functions that the formula may call, by name.

    Returns
    -------
    Design

    Raises
    ------
    UnknownColumnError, MissingValuesError, UnbalancedPanelError, DomainError, OptionError
        If the formula cannot be evaluated for all observations.
    """
    y, x, sides = evaluate(formula, panel, functions)
    columns = [i for i, name in enumerate(x.columns) if keep_intercept or name != INTERCEPT]
    names = [str(x.columns[i]) for i in columns]
    shape = (panel.n_units, panel.n_periods)
    outcome = y.iloc[:, 0].to_numpy(dtype=float).reshape(shape)
    values = x.to_numpy(dtype=float).T[columns].T.reshape(*shape, len(names))
    lagged: list[str] = []
    notes: tuple[str, ...] = ()
    # The spatial lag of a column equal across units is the column itself where rows of W add to
    # one.
    own_lag = lag_x is not None and bool(np.ptp(np.asarray(lag_x.sum(axis=1))) <= 1e-6)
    lag_outcome = np.zeros_like(outcome) if lag_y is None else np.asarray(lag_y @ outcome)
    z = values
    if lag_x is not None:
        lagged = lagged_names(durbin, names, panel, functions)
        common = [name for name in lagged if own_lag and is_common(values[:, :, names.index(name)])]
        if common and durbin is not None:
            raise CollinearityError(
                f"{sample(common)} are equal across units, so that W leaves them as they are: "
                "leave them out of durbin="
            )
        if common:
            lagged = [name for name in lagged if name not in common]
            notes = (t("equal across units, so not lagged: {names}", names=", ".join(common)),)
        columns = [names.index(name) for name in lagged]
        wx = lag_x @ values[:, :, columns].reshape(shape[0], -1)
        z = np.concatenate([values, wx.reshape(*shape, len(lagged))], axis=2)
    titles = [*names, *(f"W {name}" for name in lagged)]
    means: list[tuple[str, str]] = []
    if with_means:
        keys = [("mean", name) for name in names] + [("wmean", name) for name in lagged]
        average = z.mean(axis=1, keepdims=True)
        size = 1e-10 * np.abs(z).max(axis=(0, 1))
        within = np.abs(z - average).max(axis=(0, 1)) > size
        # Unit means that are equal for all units, as of period dummies, duplicate the intercept.
        between = np.ptp(average, axis=0).max(axis=0) > size
        vary = np.flatnonzero(within & between)
        if equal := [titles[column] for column in np.flatnonzero(within & ~between)]:
            note = t(
                "the unit means of {count} regressors are equal for all units and left out, among "
                "them {name}",
                count=len(equal), name=equal[0],
            )  # fmt: skip
            notes = (*notes, note)
        means = [keys[column] for column in vary]
        titles += [f"unit mean of {titles[column]}" for column in vary]
        z = np.concatenate([z, np.repeat(average[:, :, vary], z.shape[1], axis=1)], axis=2)
    if dynamics:
        past = {"tau": outcome[:, :-1, None], "eta": lag_outcome[:, :-1, None]}
        z = np.concatenate([z[:, 1:], *(past[name] for name in dynamics)], axis=2)
        outcome, lag_outcome = outcome[:, 1:], lag_outcome[:, 1:]
        words = {"tau": "last period's outcome", "eta": "last period's W outcome"}
        titles += [words[name] for name in dynamics]
    return Design(
        str(y.columns[0]),
        tuple(names),
        tuple(lagged),
        outcome,
        lag_outcome[:, :, None],
        z,
        tuple(titles),
        tuple(means),
        sides,
        notes,
    )


def is_common(values: np.ndarray) -> bool:
    """Whether a variable, units by periods, has one value for all units in every period."""
    return bool(np.ptp(values, axis=0).max() <= 1e-10 * np.abs(values).max())


def lagged_names(
    durbin: str | Iterable[str] | None,
    names: list[str],
    panel: SpatialPanel,
    functions: Functions | None = None,
) -> list[str]:
    """Return the columns of X to lag; never the intercept, whose lag is itself."""
    candidates = [name for name in names if name != INTERCEPT]
    if durbin is None:
        return candidates
    if isinstance(durbin, str) and durbin not in candidates:
        wanted = [str(name) for name in evaluate_side(durbin, panel, "durbin", functions).columns]
    elif isinstance(durbin, str):
        wanted = [durbin]
    else:
        wanted = list(names_in(durbin, "durbin"))
    unknown = [name for name in wanted if name not in candidates]
    if unknown:
        raise UnknownColumnError(
            f"durbin names {sample(unknown)}, which are not among the regressors "
            f"{sample(candidates, 20)}; put them on the right side of the formula first"
        )
    return [name for name in candidates if name in wanted]
