"""Outcomes and models that leave nothing to estimate by; levels; weights that are rounded."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import (
    BoundaryError,
    DomainError,
    NqpError,
    NqpWarning,
    OptionError,
    WeightsError,
)

MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac")
FORMULA = "lgsp ~ lpcap + lpc + lemp + unemp"


@pytest.fixture(scope="module")
def plain(lattice):
    """A panel of 16 units and 6 periods, and its weights."""
    rng = np.random.default_rng(0)
    keys = pd.MultiIndex.from_product([range(16), range(2010, 2016)], names=["unit", "period"])
    frame = pd.DataFrame({"x1": rng.normal(size=96), "x2": rng.normal(size=96)}, keys).reset_index()
    frame["y"] = 1 + frame.x1 - 0.5 * frame.x2 + rng.normal(size=96)
    return nq.SpatialPanel(frame, unit="unit", period="period"), lattice(4, 4)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("model", MODELS)
def test_an_outcome_that_regressors_explain_exactly(plain, model, scale):
    panel, w = plain
    exact = panel.assign(y=lambda d: scale * (2 * d["x1"] - d["x2"]))
    for effects in ("none", "unit", "two-way", "random"):
        if model == "sac" and effects == "random":
            continue
        with pytest.raises(DomainError, match="the regressors explain the outcome 'y' exactly"):
            nq.fit("y ~ x1 + x2", exact, w, model=model, effects=effects)


@pytest.mark.parametrize("effects", ["unit", "period", "two-way", "random"])
@pytest.mark.parametrize("model", MODELS)
def test_an_outcome_that_effects_absorb(plain, model, effects):
    panel, w = plain
    level = "period" if effects == "period" else "unit"
    flat = panel.assign(y=lambda d: d.groupby(level)["y"].transform("first"))
    with pytest.raises(DomainError, match=r"effects absorb the outcome: 'y' does not vary"):
        nq.fit("y ~ x1 + x2", flat, w, model=model, effects=effects)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_scale_changes_no_verdict(plain, scale):
    """What is estimable stays so in any unit of measurement."""
    panel, w = plain
    usual = nq.fit("y ~ x1 + x2", panel, w)
    scaled = nq.fit("y ~ x1 + x2", panel.assign(y=lambda d: scale * d["y"]), w)
    np.testing.assert_allclose(scaled.params["spatial"], usual.params["spatial"], rtol=1e-6)
    np.testing.assert_allclose(scaled.params["x"], scale * usual.params["x"], rtol=1e-6)
    shifted = nq.fit("y ~ x1 + x2", panel.assign(x1=lambda d: scale * d["x1"]), w)
    np.testing.assert_allclose(shifted.params["spatial"], usual.params["spatial"], rtol=1e-6)


def test_neighbours_and_regressors_together(plain):
    """y = 0.4 W y + x without errors: the likelihood has no maximum."""
    panel, w = plain
    x = panel.values("x1")
    y = np.linalg.solve(np.eye(16) - 0.4 * w.sparse.toarray(), x)
    made = panel.assign(y=y.ravel())
    for options in ({"model": "sar"}, {"model": "sdm"}, {"model": "sar", "estimator": "gs2sls"}):
        with pytest.raises(DomainError, match="outcomes of neighbours together explain"):
            nq.fit("y ~ x1", made, w, **options)
    half = pd.Series(np.arange(16) % 2, panel.units)
    with pytest.raises(DomainError, match="outcomes of neighbours together explain"):
        nq.spillovers.partitioned("y ~ x1", made, w, group=half)


@pytest.mark.parametrize("kind", ["exact", "absorbed"])
def test_relatives_refuse_the_same(plain, kind):
    panel, w = plain
    made = panel.assign(
        y=(lambda d: d["x1"] + d["x2"])
        if kind == "exact"
        else (lambda d: d.groupby("unit")["y"].transform("first"))
    )
    half = pd.Series(np.arange(16) % 2, panel.units)
    score = pd.Series(np.arange(16.0), panel.units)
    options = {"effects": "unit"}
    calls = [
        lambda: nq.spillovers.partitioned("y ~ x1 + x2", made, w, group=half, **options),
        lambda: nq.spillovers.barrier("y ~ x1 + x2", made, w, group=half, **options),
        lambda: nq.spillovers.threshold("y ~ x1 + x2", made, w, score=score, **options),
        lambda: nq.diagnostics("y ~ x1 + x2", made, w, **options),
        lambda: nq.regression.posterior_probabilities("y ~ x1 + x2", made, w, **options),
        lambda: nq.regression.model_grid("y ~ x1 + x2", made, {"w": w}, effects=("unit",)),
        lambda: nq.fit("y ~ x1 + x2", made, w, model="sar", estimator="gs2sls", **options),
        lambda: nq.fit("y ~ x1 + x2", made, w, time_lag=True, **options),
    ]
    for call in calls:
        with pytest.raises(DomainError, match=r"exactly|absorb the outcome"):
            call()


def test_convergence_of_what_does_not_change(plain):
    panel, _ = plain
    flat = panel.assign(level=lambda d: np.exp(d.groupby("unit")["y"].transform("first")))
    with pytest.raises(NqpError):
        nq.convergence.beta(flat, "level")


def test_more_coefficients_than_observations(plain):
    panel, _ = plain
    few = panel.select(units=[0, 1, 2], periods=[2010, 2011])
    with pytest.raises(DomainError, match="6 observations leave no degrees of freedom"):
        nq.fit("y ~ x1 + x2 + x1:x2", few, model="ols", effects="two-way")
    with pytest.raises(DomainError, match="leave no degrees of freedom"):
        nq.fit("y ~ C(x1)", panel, model="ols", effects="none")


def test_weights_that_give_no_lag(plain):
    panel, _ = plain
    empty = nq.weights.from_dense(np.tril(np.ones((16, 16)), -1), panel.units, islands="keep")
    with pytest.raises(WeightsError, match="no chain of links leads back"):
        nq.fit("y ~ x1", panel, empty, effects="none")
    alike = nq.weights.from_dense((1 - np.eye(16)) / 15, panel.units)
    with pytest.raises((DomainError, BoundaryError)):
        nq.fit("y ~ x1", panel, alike, model="sar")


@pytest.mark.parametrize("level", [95, 1.0, 0.0, 0, 1, True, np.nan, np.inf, -0.5, "0.95", None])
def test_levels_are_refused_everywhere(states, level):
    panel, w = states
    half = pd.Series(np.arange(48) % 2, panel.units)
    res = nq.fit("lgsp ~ lpc", panel, w, effects="unit")
    part = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=half, effects="unit")
    wall = nq.spillovers.barrier("lgsp ~ lpc", panel, w, group=half, effects="unit")
    options = {"effects": "unit", "level": level}
    calls = [
        lambda: res.conf_int(level),
        lambda: res.effects(level=level),
        lambda: res.effects(method="delta", level=level),
        lambda: nq.diagnostics("lgsp ~ lpc", panel, w, level=level),
        lambda: part.conf_int(level),
        lambda: part.effects_matrix("lpc", level=level),
        lambda: wall.conf_int(level),
        lambda: wall.share_interval(level),
        lambda: wall.decay(level),
        lambda: wall.effects_by_border("lpc", level=level),
        lambda: nq.spillovers.reach("lgsp ~ lpc", panel, edges_km=[0, 600, 1200], **options),
        lambda: nq.spillovers.distance_decay("lgsp ~ lpc", panel, cutoff_km=1500, **options),
        lambda: nq.spillovers.threshold("lgsp ~ lpc", panel, w, score="lpc", **options),
    ]
    for call in calls:
        with pytest.raises(OptionError, match="level must"):
            call()


# -- diagnostics -----------------------------------------------------------------------------------


def test_diagnostics_where_units_do_not_differ(lattice):
    """phi = 1 in the random-effects model: all rows are there all the same."""
    w = lattice(7, 7)
    for seed in range(3):
        rng = np.random.default_rng(200 + seed)
        keys = pd.MultiIndex.from_product([range(49), range(8)], names=["unit", "period"])
        frame = pd.DataFrame({"x1": rng.normal(size=392), "x2": rng.normal(size=392)}, keys)
        frame["y"] = 1 + frame.x1 - 0.5 * frame.x2 + rng.normal(size=392)
        panel = nq.SpatialPanel(frame.reset_index(), unit="unit", period="period")
        result = nq.diagnostics("y ~ x1 + x2", panel, w)
        assert result.tests["Mundlak: SDM"].applicable
        others = result.frame[~result.frame["name"].str.startswith("Hausman")]
        assert others["p_value"].notna().all()
        random = nq.fit("y ~ x1 + x2", panel, w, effects="random")
        assert ("random", "phi") not in random.params.index or random.params["random"].iloc[0] <= 1


def test_diagnostics_with_an_island_names_it(plain):
    panel, w = plain
    matrix = w.raw.toarray()
    matrix[0] = matrix[:, 0] = 0
    alone = nq.weights.from_dense(matrix, panel.units, islands="keep").standardize("row")
    with pytest.raises(OptionError, match=r"units 0 have no neighbours.*islands='nearest'.*unit"):
        nq.fit("y ~ x1", panel, alone, correction="transformation")
    assert "1 units have no neighbours" in " ".join(nq.fit("y ~ x1", panel, alone).notes)
    for effects in ("unit", "two-way"):
        assert nq.diagnostics("y ~ x1 + x2", panel, alone, effects=effects).model
    raw = nq.weights.from_dense(w.raw.toarray(), panel.units)
    assert nq.diagnostics("y ~ x1", panel, raw).tests["LM lag"].applicable
    with pytest.raises(OptionError, match="standardise them with"):
        nq.fit("y ~ x1", panel, raw, correction="transformation")


def test_diagnostics_without_regressors(plain):
    panel, w = plain
    result = nq.diagnostics("y ~ 1", panel, w, effects="none")
    assert not result.tests["LR: SDM against SAR"].applicable
    assert not result.tests["Wald: SDM against SEM"].applicable
    assert not result.tests["robust LM lag"].applicable
    assert not result.tests["Koenker-Bassett"].applicable
    assert result.tests["LM lag"].applicable


def test_a_model_that_fails_does_not_end_the_path(plain, monkeypatch):
    from nqp_spatial.regression.diagnostics import (
        _fitted_models,
        _model_tests,
        _random_effects_tests,
    )

    panel, w = plain

    def fails(*args, model="sdm", **options):
        if model in ("sdm", "sem"):
            raise BoundaryError("rho runs to the edge")
        return nq.fit(*args, model=model, **options)

    for module in (_fitted_models, _model_tests, _random_effects_tests):
        monkeypatch.setattr(module, "fit", fails)
    result = nq.diagnostics("y ~ x1 + x2", panel, w)
    assert result.notes == (
        "SEM could not be fitted: rho runs to the edge",
        "SDM could not be fitted: rho runs to the edge",
    )
    assert list(result.models) == ["ols", "slx", "sar", "sdem"]
    for name in (
        "LR: SDM against SAR",
        "LR: SDEM against SEM",
        "Wald: SDM against SLX",
        "Hausman: SDM",
    ):
        assert not result.tests[name].applicable
    reason = result.tests["LR: SDM against SEM"].reason
    assert reason == "SDM and SEM could not be fitted"
    assert result.recommendation


# -- what results say ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "terms"),
    [
        ("y ~ x1 + I(x1 ** 2) + x2", "x1, I(x1 ** 2)"),
        ("y ~ x1 + x2 + x1:x2", "x1, x1:x2"),
        ("y ~ x1:x2", "x1:x2"),
        ("y ~ poly(x1, 2)", "poly(x1, 2)"),
        ("y ~ log(z) + z", "log(z), z"),
    ],
)
def test_effects_of_terms_are_said_to_be_that(plain, formula, terms):
    panel, w = plain
    panel = panel.assign(z=lambda d: np.exp(d["x1"]))
    res = nq.fit(formula, panel, w)
    name = "z" if "z" in formula else "x1"
    together = f"the effect of {name} is that of {terms} together"
    effects = res.effects(draws=50)
    assert any(together in words for words in effects.notes)
    assert together.split(" is ")[0] in " ".join(str(effects).split())
    note = f"not of {name}, which enters in {terms}"
    assert any(note in words for words in res.effects(draws=50, terms=True).notes)
    half = pd.Series(np.arange(16) % 2, panel.units)
    part = nq.spillovers.partitioned(formula, panel, w, group=half, effects="unit")
    assert any(note in words for words in part.notes)


def test_effects_of_plain_variables_have_no_note(plain):
    panel, w = plain
    panel = panel.assign(side=lambda d: np.where(d["x2"] > 0, "p", "q"))
    for formula in ("y ~ x1 + x2", "y ~ x1 + C(side)", "y ~ x1 + side"):
        assert nq.fit(formula, panel, w).effects(draws=50).notes == ()
    effects = nq.fit("y ~ exp(x1) + side", panel, w).effects(draws=50)
    assert effects.notes == (
        "rows of exp(x1) are effects of a unit change of that term, not of x1",
    )
    assert effects.wide().index.tolist() == ["exp(x1)", "side[T.q]"]


def test_draws_of_none_name_the_delta_method(plain):
    panel, w = plain
    res = nq.fit("y ~ x1", panel, w)
    with pytest.raises(OptionError, match="method='delta'"):
        res.effects(draws=0)
    assert res.effects(method="delta").spec.method == "delta"


def test_html_of_a_regression_is_escaped(plain):
    panel, w = plain
    frame = panel.frame.reset_index().rename(columns={"x1": "<script>alert(1)</script>"})
    other = nq.SpatialPanel(frame, unit="unit", period="period")
    res = nq.fit("y ~ `<script>alert(1)</script>` + x2", other, w)
    assert "<script>" not in res._repr_html_()
    assert "&lt;script&gt;" in res._repr_html_()


def test_one_bad_matrix_does_not_end_a_grid(plain):
    panel, w = plain
    bad = nq.weights.from_dense(np.tril(np.ones((16, 16)), -1), panel.units, islands="keep")
    with pytest.warns(
        NqpWarning, match=r"'bad, sar' could not be fitted and is left out: no chain"
    ):
        grid = nq.regression.model_grid(
            "y ~ x1", panel, {"good": w, "bad": bad}, models=("sar", "slx")
        )
    assert len(grid.notes) == 1
    assert grid.notes[0].startswith("bad, sar could not be fitted: no chain")
    assert list(grid.models) == ["good, sar", "good, slx", "bad, slx"]
    usual = nq.fit("y ~ x1", panel, w, model="sar")
    pd.testing.assert_series_equal(grid.models["good, sar"].params, usual.params)
    with pytest.raises(WeightsError, match="no chain of links"):
        nq.regression.model_grid("y ~ x1", panel, {"bad": bad}, models=("sar",))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nq.regression.model_grid("y ~ x1", panel, {"good": w}, models=("sar", "slx"))


# -- rounded weights -------------------------------------------------------------------------------


@pytest.mark.parametrize(("digits", "share"), [(8, 1e-6), (6, 1e-4)])
@pytest.mark.parametrize("model", ["sar", "sem", "sdm", "sac"])
@pytest.mark.parametrize("effects", ["none", "unit", "two-way"])
def test_rounded_row_sums_change_nothing_but_rounding(states, model, effects, digits, share):
    """Correction, parameters, errors and likelihood are those of the exact weights."""
    panel, w = states
    rounded = nq.weights.from_dense(np.round(w.sparse.toarray(), digits), panel.units)
    assert 0 < abs(rounded.sparse.sum(axis=1) - 1).max() < 5e-6
    usual = nq.fit(FORMULA, panel, w, model=model, effects=effects)
    res = nq.fit(FORMULA, panel, rounded, model=model, effects=effects)
    assert res.spec.correction == usual.spec.correction
    assert (abs(res.params - usual.params) < 10 * share * usual.std_errors).all()
    np.testing.assert_allclose(res.std_errors, usual.std_errors, rtol=share)
    assert res.loglik == pytest.approx(usual.loglik, abs=20 * share)


def test_an_eigenvalue_just_above_one_bounds_rho(states):
    panel, w = states
    rounded = nq.weights.from_dense(np.round(w.sparse.toarray(), 6), panel.units)
    largest = float(rounded.sparse.sum(axis=1).max())
    assert largest > 1
    for method in ("exact", "factor", "lanczos"):
        logdet = nq.regression.log_determinant(rounded, method)
        assert logdet.interval[1] == pytest.approx(1 / largest, rel=1e-12)
        assert method == "lanczos" or np.isfinite(logdet.value(0.999))


def test_steps_that_reach_the_boundary_in_rounding(lattice, simulate):
    """Nine units: the ascent from one start never turns, and ends with words, not by dividing."""
    w = lattice(3, 3)
    with pytest.raises(BoundaryError, match="rises up to the upper edge"):
        nq.fit("y ~ x1 + x2", simulate(w, 5, seed=5), w, model="gns")
