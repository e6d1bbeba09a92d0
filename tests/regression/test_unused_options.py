"""Options that belong to other models are refused: what changes nothing is not taken in silence."""

from __future__ import annotations

import warnings
from itertools import product
from typing import get_args

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import NqpError, OptionError
from nqp_spatial.regression._unused_options import divided_options, unused_options
from nqp_spatial.regression.spec import Model

WITH_LAGS = {"slx", "sdm", "sdem", "gns"}
WITH_ERRORS = {"sem", "sdem", "sac", "gns"}


@pytest.fixture(scope="module")
def data(lattice):
    w = lattice(4, 4)
    n, periods = 16, 8
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "id": np.repeat(w.units, periods),
            "year": np.tile(range(periods), n),
            **{name: rng.normal(size=n * periods) for name in ("x1", "x2", "z", "e")},
        }
    )
    links = np.kron(w.sparse.toarray(), np.eye(periods))
    right = frame["x1"] + 0.5 * frame["x2"] + 0.5 * links @ frame["x1"] + frame["e"]
    frame["y"] = np.linalg.solve(np.eye(n * periods) - 0.3 * links, right)
    frame["half"] = np.repeat(np.arange(n) // 2, periods)
    return nq.SpatialPanel(frame, unit="id", period="year"), w


@pytest.mark.parametrize("model", get_args(Model))
def test_durbin_is_for_models_with_lags_of_regressors(data, model):
    panel, w = data
    options = {"model": model, "effects": "unit"}
    if model in WITH_LAGS:
        assert nq.fit("y ~ x1 + x2", panel, w, durbin="x1", **options).spec.lagged == ("x1",)
    else:
        words = f"model='{model}' has no W X; use model='slx', 'sdm', 'sdem' or 'gns'"
        for durbin in ("x1", ["x1"], iter(["x1"])):
            with pytest.raises(OptionError, match=words):
                nq.fit("y ~ x1 + x2", panel, w, durbin=durbin, **options)
    # A list of none says what the model does.
    assert nq.fit("y ~ x1 + x2", panel, w, durbin=[], **options).spec.lagged == ()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "ols", "logdet": "exact"}, "model='ols' has no rho or lam"),
        ({"model": "slx", "logdet": "factor"}, "model='slx' has no rho or lam"),
        (
            {"model": "sem", "logdet": "exact", "estimator": "gs2sls"},
            "model='sem' by GS2SLS has no rho",
        ),
        ({"effects": "none", "correction": "bias"}, "effects='none' has none"),
        ({"effects": "random", "correction": "transformation"}, "effects='random' has none"),
        ({"model": "sar", "effects": "random", "random_errors": "bsk"}, "use model='sem', 'sdem',"),
        ({"model": "sem", "effects": "unit", "random_errors": "bsk"}, "take effects='random'"),
        (
            {"model": "sem", "estimator": "gs2sls", "instruments": "z"},
            "model='sem' without endogenous= has neither",
        ),
        ({"estimator": "gs2sls", "covariance": "expected"}, "the information of a likelihood"),
        ({"covariance": "conley", "lags": 1, "kernel": "uniform"}, "needs cutoff_km="),
        ({"covariance": "cluster", "kernel": "uniform"}, "kernel= is for covariance='conley'"),
        ({"covariance": "cluster", "lags": 1}, "lags= is for covariance='conley' or 'driscoll"),
        ({"cutoff_km": 100.0}, "cutoff_km= is for covariance='conley'"),
        ({"cluster": "half"}, "cluster= is for covariance='cluster'"),
        ({"endogenous": "x1"}, "for estimator='gs2sls'"),
    ],
)
def test_options_that_would_change_nothing(data, options, words):
    panel, w = data
    with pytest.raises(OptionError, match=words):
        nq.fit("y ~ x1 + x2", panel, w, **{"effects": "unit", **options})


CHANGES = {
    "durbin": ["x1"],
    "correction": "bias",
    "logdet": "exact",
    "cluster": "half",
    "kernel": "uniform",
    "lags": 1,
    "instruments": "z",
    "random_errors": "bsk",
    "serial": True,
    "space_time_lag": True,
}
SETTINGS = [{}, {"estimator": "gs2sls"}, {"covariance": "cluster"}, {"time_lag": True}]


QUICK = ("ols", "slx", "sar")


@pytest.mark.parametrize(
    "model",
    [*QUICK, *(pytest.param(m, marks=pytest.mark.slow) for m in get_args(Model) if m not in QUICK)],
)
def test_whatever_is_passed_to_fit_changes_something_or_is_refused(data, model):
    """Over all models, effects and estimators; logdet is another way to the same numbers."""
    panel, w = data

    def fitted(**options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return nq.fit("y ~ x1 + x2", panel, w, model=model, **options)

    for effects, setting in product(("none", "unit", "random"), SETTINGS):
        try:
            base = fitted(effects=effects, **setting)
        except NqpError:
            continue
        for name, value in CHANGES.items():
            try:
                other = fitted(effects=effects, **setting, **{name: value})
            except NqpError:
                continue
            if name == "logdet":
                assert model not in ("ols", "slx")
                continue
            same = (
                base.params.index.equals(other.params.index)
                and np.allclose(base.params, other.params, rtol=1e-10)
                and np.allclose(base.cov, other.cov, rtol=1e-10)
                and base.notes == other.notes
            )
            assert not same, (effects, setting, name)


def test_functions_of_several_models_pass_an_option_on_to_those_that_have_a_use_for_it(data):
    panel, w = data
    options = {"effects": ["unit"], "durbin": ["x1"]}
    grid = nq.regression.model_grid(
        "y ~ x1 + x2", panel, {"w": w}, models=["sar", "sdm"], **options
    )
    assert list(grid.models) == ["sar", "sdm"]
    assert [model.spec.lagged for model in grid.models.values()] == [(), ("x1",)]
    assert "durbin= has no use in some models, which are estimated without it: sar" in grid.notes[0]
    with pytest.raises(OptionError, match="model='sar' has no W X"):
        nq.regression.model_grid("y ~ x1 + x2", panel, {"w": w}, models=["sar"], **options)


def test_a_matrix_that_fails_is_named_and_the_others_stay(data):
    panel, w = data
    other = nq.weights.from_dense(pd.DataFrame(np.eye(3)[[1, 2, 0]], list("abc"), list("abc")))
    with pytest.warns(nq.errors.NqpWarning, match="'bad' could not be fitted and is left out"):
        grid = nq.regression.model_grid(
            "y ~ x1", panel, {"good": w, "bad": other}, effects=["unit"]
        )
    assert list(grid.models) == ["good"]
    assert grid.notes[0].startswith("bad could not be fitted")


def test_both_models_of_a_mediation_have_the_options_that_they_have_a_use_for(data):
    panel, w = data
    result = nq.spillovers.mediation(
        "y ~ x1 + x2", "x1 ~ x2", panel, w, effects="unit", method="delta", durbin=["x2"],
        mediator_options={"model": "sar"},
    )  # fmt: skip
    assert result.outcome.spec.lagged == ("x2",) and result.mediator.spec.lagged == ()
    with pytest.raises(OptionError, match="model='sar' has no W X"):
        nq.spillovers.mediation(
            "y ~ x1 + x2", "x1 ~ x2", panel, w, effects="unit", method="delta", durbin=["x2"],
            model="sar",
        )  # fmt: skip
    # What is said of the mediator's model alone is never left out.
    with pytest.raises(OptionError, match="model='sar' has no W X"):
        nq.spillovers.mediation(
            "y ~ x1 + x2", "x1 ~ x2", panel, w, effects="unit", method="delta",
            mediator_options={"model": "sar", "durbin": ["x2"]},
        )  # fmt: skip


def test_options_by_model():
    assert not unused_options("gns", "unit", {"durbin": "x", "logdet": "exact"})
    divided, notes = divided_options(
        ["sar", "slx"], ["none", "unit"], {"logdet": "exact", "correction": "bias", "seed": 1}
    )
    assert divided["sar", "unit"] == {"logdet": "exact", "correction": "bias", "seed": 1}
    assert divided["slx", "none"] == {"seed": 1}
    assert len(notes) == 2


# -- other functions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda p, w: nq.endogenous_weights("y ~ x1", p, w, makers="z ~ x2", durbin="x1"),
            "model='sar' has no W X",
        ),
        (
            lambda p, w: nq.regression.interactive_effects("y ~ x1", p, w, durbin="x1"),
            "model='sar' has no W X",
        ),
        (
            lambda p, w: nq.regression.wild_bootstrap("y ~ x1", p, durbin="x1"),
            "model='ols' has no W X",
        ),
        (
            lambda p, w: nq.diagnostics(
                "y ~ x1", p, w, effects="none", correction="transformation"
            ),
            "effects='none' has none",
        ),
        (
            lambda p, w: nq.convergence.beta(
                p.assign(y=lambda d: np.exp(d["y"])), "y", w, model="sar", durbin="start"
            ),
            "model='sar' has no W X",
        ),
        (
            lambda p, w: nq.spillovers.barrier(
                "y ~ x1", p, w, group="half", durbin="x1", lag_regressors=False
            ),
            "lag_regressors=False takes none",
        ),
        (
            lambda p, w: nq.spillovers.threshold(
                "y ~ x1", p, w, score="z", durbin="x1", lag_regressors=False
            ),
            "lag_regressors=False takes none",
        ),
        (
            lambda p, w: nq.convergence.log_t(p, "y", detrend=None, smoothing=6.25),
            "smoothing= is of the filter",
        ),
        (
            lambda p, w: nq.dynamics.spatial_markov(p, "y", w, group_states=2, member="a"),
            "group_states=, member= describe the members of group=",
        ),
        (
            lambda p, w: nq.composite.index(p, {"x1": "+", "x2": "+"}, indicator_weights={"x1": 1}),
            "indicator_weights= is for weighting='given'",
        ),
        (
            lambda p, w: nq.composite.index(p, {"x1": "+"}, targets={"x1": (0, 1)}),
            "targets= is for normalisation='target'",
        ),
        (
            lambda p, w: nq.composite.index(p, {"x1": "+"}, base_period=0),
            "base_period= is for normalisation='base-year'",
        ),
        (
            lambda p, w: nq.composite.index(p, {"x1": "+"}, combine="game"),
            "there is one, 'entropy'",
        ),
        (
            lambda p, w: nq.composite.index(p, {"x1": "+"}, across="equal"),
            "the indicators are in none",
        ),
        (
            lambda p, w: nq.composite.index(
                p, {"a": {"x1": "+"}, "b": {"x2": "+"}}, across="equal", weighting="given",
                indicator_weights={"x1": 1, "x2": 1},
            ),
            "across= does not apply to weighting='given'",
        ),
    ],
)  # fmt: skip
def test_other_functions_refuse_them_too(data, call, words):
    with pytest.raises(OptionError, match=words):
        call(*data)


def test_weights_that_least_squares_does_not_use_are_noted():
    panel = nq.datasets.us_income()
    w = nq.weights.contiguity(panel)
    words = "the weights are not used: model='ols' has no spatial terms"
    assert words in nq.convergence.beta(panel, "income", w).notes
    assert words not in nq.convergence.beta(panel, "income").notes
    assert words not in nq.convergence.beta(panel, "income", w, model="sar").notes


def test_schemes_of_an_index_have_the_options_that_they_have_a_use_for(data):
    panel, _ = data
    indicators = {"a": {"x1": "+", "x2": "+"}, "b": {"z": "+"}}
    options = {"across": "equal", "indicator_weights": {"x1": 1.0, "x2": 2.0, "z": 3.0}}
    ranks = nq.composite.rank_schemes(
        panel, indicators, period=7, schemes=["equal", "given"], **options
    )
    for scheme, name in (("equal", "across"), ("given", "indicator_weights")):
        alone = nq.composite.index(panel, indicators, weighting=scheme, **{name: options[name]})
        scores = alone.scores.xs(7, level=1)
        assert ranks[scheme].sort_index().equals(scores.rank(ascending=False).sort_index())
    with pytest.raises(OptionError, match="for the scheme 'given', which is not in schemes"):
        nq.composite.rank_schemes(panel, indicators, period=7, schemes=["equal"], **options)
