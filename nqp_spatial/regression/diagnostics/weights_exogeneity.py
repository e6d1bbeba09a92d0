"""Weights made of outcomes: a control function, and a test whether it is needed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet, wald_test
from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import label, t
from nqp_spatial.errors import CollinearityError, OptionError
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._model_data import ModelData, build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.weights.spatial_weights import WeightsLike

__all__ = ["EndogenousWeights", "endogenous_weights"]


@dataclass(frozen=True, repr=False, eq=False)
class EndogenousWeights(Displayed):
    """A spatial model whose weights are made of variables that depend on its errors.

    Attributes
    ----------
    frame : DataFrame
        One row per model ("with control", "without control") and parameter: ``model, block,
        variable, estimate, std_error, statistic, p_value, conf_low, conf_high``.
    model : RegressionResult
        With the residuals of the equations of W among the regressors, named ``residual_z``.
    plain : RegressionResult
        Without them.
    makers : dict of RegressionResult
        The equations of the variables that make W, by the name of their residuals.
    tests : TestSet
        ``exogenous``: the coefficients of all residuals are zero.
    spec : Spec
        ``formula``, ``makers``, ``weights``, ``model``, ``effects``, ``covariance``.
    notes : tuple of str
        What the test says about the estimates.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.economic(panel, "lpc")
    >>> result = nq.endogenous_weights("lgsp ~ lemp", panel, w, makers="lpc ~ lpcap + unemp")
    >>> list(result.tests)
    ['exogenous']
    """

    _figure = "estimates"

    frame: pd.DataFrame
    model: RegressionResult
    plain: RegressionResult
    makers: dict[str, RegressionResult]
    tests: TestSet
    spec: Spec
    notes: tuple[str, ...] = ()

    def _blocks(self) -> list[Block]:
        spec = self.spec
        table = self.frame[["model", "block", "variable", "estimate", "std_error", "p_value"]]
        return [
            t(
                "Are the weights exogenous? {model}, {effects}; {formula}; {makers}",
                model=label("model", spec["model"]),
                effects=label("effects", spec["effects"]),
                formula=spec["formula"],
                makers="; ".join(spec["makers"]),
            ),
            table,
            self.tests.frame[["name", "null", "statistic", "df", "p_value"]],
            *notes_of(self.notes),
        ]


@checked
def endogenous_weights(
    formula: str,
    panel: SpatialPanel,
    weights: WeightsLike,
    *,
    makers: str | Iterable[str],
    model: Literal["sar", "sdm"] = "sar",
    effects: Literal["none", "unit", "period", "two-way"] = "two-way",
    durbin: str | Iterable[str] | None = None,
    covariance: Literal["observed", "expected", "qml"] = "observed",
    functions: Functions | None = None,
) -> EndogenousWeights:
    """Test whether weights made of outcomes are exogenous, and estimate with a control function.

    ``y = rho W(z) y + X beta + v``, where W is made of a variable with an equation of its own,
    ``z = X2 gamma + eps``. If v and eps are correlated, so are W and v, and rho is biased. With
    ``E(v | eps) = eps delta``,

    ``y = rho W y + X beta + (z - X2 gamma) delta + xi``,

    whose error xi is independent of W. The residuals of the first equation take the place of eps.
    W is exogenous if and only if delta = 0.

    Parameters
    ----------
    formula : str
        Equation of y.
    panel : SpatialPanel
    weights : SpatialWeights, Graph or W
        Made of the left sides of `makers` (and of geography).
    makers : str or iterable of str
        Equations of the variables that make W, such as ``"gdp ~ x1 + x2"``; estimated by least
        squares, with the same effects.
    model : {"sar", "sdm"}
    effects : {"none", "unit", "period", "two-way"}
    durbin : str or iterable of str, optional
        Which regressors to lag in an SDM, as in `fit`; residuals are never lagged.
    covariance : {"observed", "expected", "qml"}
        As in `fit`.
    functions : mapping, optional
        Functions of your own that formulas may call, as in `fit`.

    Returns
    -------
    EndogenousWeights

    Raises
    ------
    OptionError
        If there are no makers, or two have the same left side.
    CollinearityError
        If z is a regressor of y and all regressors of z are too: residuals are then a linear
        combination of regressors.

    Notes
    -----
    The test is a Wald test of delta = 0; under it, estimated residuals cost nothing. The standard
    errors of the model with control add the variance of the estimated gamma,
    ``B D'P D B delta' Sigma_eps delta / s4`` (B the inverse information, D the regressors and W y,
    P the projection on X2), and so hold for any delta.

    Limits. W is one matrix for all periods. The residuals control for what W and the errors have in
    common in every period of the panel: W may be made of z in any of these periods, or of its mean
    over them. If W is made of z before the first period, it is predetermined: it is exogenous where
    errors are not correlated over time, and the test, which looks at correlation within a period,
    cannot see the rest. Unit effects remove what W and v share in every period, such as the level
    of development. The test also rejects where z itself belongs in the equation of y and is not
    there: put it among the regressors. A variable that makes W and has no regressors that are
    excluded from the equation of y is identified only by the way in which W depends on it. Errors
    must be linear in eps, and links bounded: with W that links all units strongly, estimates are
    not consistent.

    Source: Qu and Lee (2015), Journal of Econometrics 184, 209-232: the control function of section
    2 and its quasi-maximum likelihood estimator, here in two steps.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.economic(panel, "lpc")
    >>> result = nq.endogenous_weights("lgsp ~ lemp", panel, w, makers="lpc ~ lpcap + unemp")
    >>> result.tests["exogenous"].df
    1
    """
    equations = [makers] if isinstance(makers, str) else list(makers)
    if not equations:
        raise OptionError(
            "makers must have the equation of at least one variable of which W is made, such as "
            "'gdp ~ x1 + x2'"
        )

    def fitted(
        text: str,
        data: SpatialPanel,
        lagged: str | Iterable[str] | None,
        kind: Literal["observed", "expected", "qml"],
    ) -> RegressionResult:
        return fit(
            text, data, weights, model=model, effects=effects, durbin=lagged, covariance=kind,
            functions=functions,
        )  # fmt: skip

    plain = fitted(formula, panel, durbin, covariance)
    firsts = _first_steps(equations, panel, effects, functions)
    controls = {name: first.resid for name, first in firsts.items()}
    extended = panel.assign(**controls)
    text = " + ".join([formula, *controls])
    lagged = list(plain.spec.lagged) if model == "sdm" else None
    try:
        with_control = fitted(text, extended, lagged, covariance)
    except CollinearityError as error:
        raise CollinearityError(
            f"the residuals {', '.join(controls)} are linear combinations of the regressors of "
            f"{formula!r} ({error}): the equation of a maker needs a regressor that is not in the "
            "formula, or its left side must not be a regressor there"
        ) from error
    test = _exogeneity(with_control, list(controls))
    data = build_model_data(
        extended, replace(with_control.spec, formula=text), with_control.terms, lagged, functions
    )
    steps = [
        build_model_data(panel, first.spec, TermWeights(), functions=functions)
        for first in firsts.values()
    ]
    bread = with_control if covariance != "qml" else fitted(text, extended, lagged, "observed")
    final = _with_first_steps(with_control, bread.cov.to_numpy(), data, steps, list(controls))
    return EndogenousWeights(
        frame=_frame(final, plain),
        model=final,
        plain=plain,
        makers=firsts,
        tests=TestSet({"exogenous": test}),
        spec=Spec(
            formula=formula, makers=tuple(equations), weights=plain.spec.weights, model=model,
            effects=effects, covariance=covariance,
        ),
        notes=_notes(test, final, plain),
    )  # fmt: skip


def _first_steps(
    equations: list[str],
    panel: SpatialPanel,
    effects: Literal["none", "unit", "period", "two-way"],
    functions: Functions | None,
) -> dict[str, RegressionResult]:
    """Return the equations of the variables that make W, by the names of their residuals."""
    firsts: dict[str, RegressionResult] = {}
    for equation in equations:
        first = fit(equation, panel, None, model="ols", effects=effects, functions=functions)
        name = "residual_" + re.sub(r"\W+", "_", first.spec.outcome).strip("_")
        if name in firsts:
            raise OptionError(
                f"makers has two equations of {first.spec.outcome!r}; name each variable once"
            )
        if name in panel.frame.columns:
            raise OptionError(
                f"the panel has a column {name!r}, which the residuals of {equation!r} would "
                "replace; rename the column"
            )
        firsts[name] = first
    return firsts


def _exogeneity(model: RegressionResult, controls: list[str]) -> HypothesisTest | NotApplicable:
    keys = [("x", name) for name in controls]
    positions = [model.params.index.get_loc(key) for key in keys]
    cov = model.cov.to_numpy()[np.ix_(positions, positions)]
    return wald_test(
        t("Exogeneity of W"),
        t("residuals of the equations of W do not enter"),
        model.params.to_numpy()[positions],
        np.eye(len(keys)),
        cov,
    )


def _with_first_steps(
    model: RegressionResult,
    bread: np.ndarray,
    data: ModelData,
    steps: list[ModelData],
    controls: list[str],
) -> RegressionResult:
    """Return the model with a covariance that knows that the residuals are estimated.

    An error d in gamma_j shifts the score of the regressors D by ``D'X2_j d delta_j / s2``.
    """
    columns = np.column_stack([data.projection.z, data.projection.lag_y[:, 0]])
    bases = [step.projection.z @ step.projection.unscale for step in steps]
    errors = np.column_stack([step.projection.left_y for step in steps])
    sigma = errors.T @ errors / steps[0].counts.observations
    shifts = [
        float(model.params["x", name]) * basis.T @ columns
        for name, basis in zip(controls, bases, strict=True)
    ]
    added = sum(
        sigma[i, j] * shifts[i].T @ (bases[i].T @ bases[j]) @ shifts[j]
        for i in range(len(steps))
        for j in range(len(steps))
    )
    cov = model.cov + bread @ added @ bread / model.sigma2**2
    note = t("standard errors allow for the estimated residuals of the equations of W")
    return replace(model, cov=cov, notes=(*model.notes, note))


def _frame(model: RegressionResult, plain: RegressionResult) -> pd.DataFrame:
    frames = {"with control": model.frame, "without control": plain.frame}
    return pd.concat(frames, names=["model"]).reset_index()


def _notes(
    test: HypothesisTest | NotApplicable, model: RegressionResult, plain: RegressionResult
) -> tuple[str, ...]:
    rho, before = (float(result.params["spatial", "rho"]) for result in (model, plain))
    if not test.applicable:
        return ()
    values = {"rho": rho, "before": before, "p": p_words(test.p_value)}
    if test.p_value < 0.05:
        note = t(
            "the weights are not exogenous ({p}): report the model with control, where rho "
            "is {rho:.3f} and not {before:.3f}",
            **values,
        )
    else:
        note = t(
            "exogeneity of the weights is not rejected ({p}); rho is {rho:.3f} with and "
            "{before:.3f} without control",
            **values,
        )
    return (note,)
