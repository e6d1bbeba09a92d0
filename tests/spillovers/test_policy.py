"""Policies by dense least squares, by other programs, by planted effects and by hand."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.errors import (
    AbsorbedRegressorError,
    CollinearityError,
    DomainError,
    OptionError,
    PanelError,
)
from tests.parity import agree, differ
from tests.reference.make_policy import RINGS, full_design, policy_panel
from tests.spillovers.policy_panels import planted_panel

policy = nq.spillovers.policy
QUIET = {"placebo": 0, "leads": 0}
PLAIN = {**QUIET, "leave_out": False}
SEPARATE = 3


@pytest.fixture(scope="module")
def panel() -> nq.SpatialPanel:
    return planted_panel()


@pytest.fixture(scope="module")
def weights(panel: nq.SpatialPanel) -> nq.SpatialWeights:
    return nq.weights.knn(panel, k=4)


# -- by dense matrices -----------------------------------------------------------------------------


def dense_steps(panel: nq.SpatialPanel, exposure: np.ndarray, controls: list[str]):
    """Return the map from y to what is left of it by dummies of clean cells, and the masks."""
    d = panel.values("d").ravel().astype(bool)
    exposed = (exposure > 0).ravel()
    n, periods = panel.n_units, panel.n_periods
    dummies = np.column_stack(
        [np.kron(np.eye(n), np.ones((periods, 1))), np.kron(np.ones((n, 1)), np.eye(periods))]
        + [panel.values(name).ravel()[:, None] for name in controls]
    )
    clean = ~d & ~exposed
    to_coefficients = np.linalg.pinv(dummies[clean])
    maker = np.eye(n * periods)
    maker[:, clean] -= dummies @ to_coefficients
    return maker, d, exposed, clean


def since(mask: np.ndarray) -> np.ndarray:
    """Return periods since a mask first holds, by loops."""
    result = np.full(mask.shape, -99)
    for i, row in enumerate(mask):
        if row.any():
            result[i] = np.arange(len(row)) - list(row).index(True)
    return result


@pytest.mark.parametrize("controls", [[], ["x"]])
@pytest.mark.parametrize("cluster", [None, "province"])
def test_both_steps_equal_dense_least_squares_and_its_influence(panel, weights, controls, cluster):
    exposure = weights.sparse @ panel.values("d")
    maker, d, exposed, clean = dense_steps(panel, exposure, controls)
    own_clock, other_clock = since(panel.values("d") == 1).ravel(), since(exposure > 0).ravel()
    s = exposure.ravel()
    columns, keys = [], []
    for kind, on, mask, values, clock in [
        ("own", "treated", d, np.ones(len(d)), own_clock),
        ("spilled", "untreated", ~d & exposed, s, other_clock),
        ("spilled", "treated", d & exposed, s, other_clock),
    ]:
        for time in range(panel.n_periods):
            if (mask & (clock == time)).any():
                columns.append(values * (mask & (clock == time)))
                keys.append((kind, on, time))
    design = np.column_stack(columns)
    left = maker @ panel.values("y").ravel()
    values = np.linalg.lstsq(design, left, rcond=None)[0]
    # Each estimate is a weighted sum of outcomes; its variance adds up weights times residuals.
    weights_of_y = np.linalg.pinv(design) @ maker
    residuals = np.where(clean, left, left - design @ values)
    codes = pd.factorize(panel.frame[cluster] if cluster else panel.frame.index.get_level_values(0))
    sums = np.stack(
        [
            (weights_of_y * residuals)[:, codes[0] == code].sum(axis=1)
            for code in range(len(codes[1]))
        ]
    )
    size, count = len(d), len(codes[1])
    used = len(keys) + len(controls) + panel.n_periods
    factor = count / (count - 1) * (size - 1) / (size - used)
    errors = np.sqrt(factor * (sums**2).sum(axis=0))
    result = policy(
        panel, "y", treatment="d", exposure=weights, controls=controls, cluster=cluster, **PLAIN
    )
    frame = result.frame.set_index(["kind", "on", "event_time"]).loc[keys]
    np.testing.assert_allclose(frame["estimate"], values, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(frame["std_error"], errors, rtol=1e-9)
    np.testing.assert_allclose(
        result.cells["effect"].to_numpy()[~clean], left[~clean], rtol=1e-9, atol=1e-11
    )


@pytest.mark.parametrize("cluster", [None, "province"])
def test_left_out_clusters_equal_second_steps_without_them(panel, weights, cluster):
    exposure = weights.sparse @ panel.values("d")
    maker, d, exposed, clean = dense_steps(panel, exposure, [])
    s = exposure.ravel()
    design = np.column_stack([d, s * (~d & exposed), s * (d & exposed)]).astype(float)
    left = maker @ panel.values("y").ravel()
    values = np.linalg.lstsq(design, left, rcond=None)[0]
    index = panel.frame[cluster] if cluster else panel.frame.index.get_level_values(0)
    codes, names = pd.factorize(index)
    residuals = np.zeros(len(left))
    for code in range(len(names)):
        others = ~clean & (codes != code)
        without = np.linalg.lstsq(design[others], left[others], rcond=None)[0]
        mine = codes == code
        residuals[mine] = left[mine] - design[mine] @ without
    residuals = np.where(clean, left, residuals)
    influence = (np.linalg.pinv(design) @ maker) * residuals
    sums = np.stack([influence[:, codes == code].sum(axis=1) for code in range(len(names))])
    size, count = len(left), len(names)
    factor = count / (count - 1) * (size - 1) / (size - 3 - panel.n_periods)
    result = policy(
        panel, "y", treatment="d", exposure=weights, cluster=cluster, horizon=0, **QUIET
    )
    frame = result.frame[result.frame["kind"] != "total"]
    np.testing.assert_allclose(frame["estimate"], values, rtol=1e-9)
    np.testing.assert_allclose(
        frame["std_error"], np.sqrt(factor * (sums**2).sum(axis=0)), rtol=1e-9
    )


def test_leads_equal_a_regression_of_clean_cells_on_dummies(panel, weights):
    exposure = weights.sparse @ panel.values("d")
    clean = dense_steps(panel, exposure, ["x"])[3]
    own = since(panel.values("d") == 1)
    other = since(exposure > 0)
    own[own == -99] = 99
    other[other == -99] = 99
    to_come = np.zeros_like(exposure)
    for i in range(panel.n_units):
        if (exposure[i] > 0).any():
            to_come[i] = exposure[i][exposure[i] > 0][0]
    columns = [(own.ravel() == time) & clean for time in (-2, -1)]
    columns += [to_come.ravel() * ((other.ravel() == time) & clean) for time in (-2, -1)]
    n, periods = exposure.shape
    dummies = np.column_stack(
        [
            np.kron(np.eye(n), np.ones((periods, 1))),
            np.kron(np.ones((n, 1)), np.eye(periods)),
            panel.values("x").ravel(),
        ]
    )[clean]
    design = np.column_stack([np.column_stack(columns)[clean], dummies]).astype(float)
    y = panel.values("y").ravel()[clean]
    coefs = np.linalg.lstsq(design, y, rcond=None)[0]
    residuals = y - design @ coefs
    codes = np.repeat(np.arange(n), periods)[clean]
    influence = (np.linalg.pinv(design) * residuals)[:4]
    sums = np.stack([influence[:, codes == code].sum(axis=1) for code in range(n)])
    factor = n / (n - 1) * (n * periods - 1) / (n * periods - 4 - 1 - periods)
    cov = factor * sums.T @ sums
    result = policy(
        panel,
        "y",
        treatment="d",
        exposure=weights,
        controls="x",
        leads=2,
        placebo=0,
        leave_out=False,
    )
    leads = result.frame[result.frame["event_time"] < 0]
    np.testing.assert_allclose(leads["estimate"], coefs[:4], rtol=1e-9)
    np.testing.assert_allclose(leads["std_error"], np.sqrt(np.diag(cov)), rtol=1e-9)
    wald = coefs[:4] @ np.linalg.solve(cov, coefs[:4]) / 4
    test = result.tests["pre-trends"]
    assert test.statistic == pytest.approx(wald, rel=1e-8)
    assert test.p_value == pytest.approx(stats.f.sf(wald, 4, n - 1), rel=1e-8)
    for key, places in [("pre-trends, own", [0, 1]), ("pre-trends, spilled", [2, 3])]:
        part = coefs[places] @ np.linalg.solve(cov[np.ix_(places, places)], coefs[places]) / 2
        assert result.tests[key].statistic == pytest.approx(part, rel=1e-8)


def test_totals_and_averages_over_event_times(panel, weights):
    result = policy(panel, "y", treatment="d", exposure=weights, **QUIET)
    cells = result.cells
    treated = cells["since_adoption"].notna()
    means = cells[treated].groupby("since_adoption")["effect"].mean()
    total = result.frame[result.frame["kind"] == "total"].set_index("event_time")["estimate"]
    np.testing.assert_allclose(total, means, rtol=1e-10)
    overall = result.overall.set_index(["kind", "on"])["estimate"]
    assert overall["total", "treated"] == pytest.approx(cells.loc[treated, "effect"].mean())
    other = cells[~treated & (cells["exposure"] > 0)]
    slope = (other["exposure"] * other["effect"]).sum() / (other["exposure"] ** 2).sum()
    assert overall["spilled", "untreated"] == pytest.approx(slope)
    pooled = policy(panel, "y", treatment="d", exposure=weights, horizon=0, **QUIET)
    both = pooled.overall.set_index(["kind", "on"])
    assert both.loc[("spilled", "untreated"), "estimate"] == pytest.approx(slope)
    # Including exposure in own effects gives the totals, with the same standard errors.
    included = policy(panel, "y", treatment="d", exposure=weights, on_treated="included", **QUIET)
    numbers = ["estimate", "std_error"]
    np.testing.assert_allclose(
        included.frame[included.frame["kind"] == "own"][numbers],
        result.frame[result.frame["kind"] == "total"][numbers],
        rtol=1e-10,
    )


# -- another program -------------------------------------------------------------------------------


@pytest.mark.parity
@pytest.mark.parametrize("cluster", ["id", "province"])
@pytest.mark.parametrize("by_event_time", [False, True])
def test_rings_equal_diff_diff(cluster, by_event_time, monkeypatch):
    diff_diff = pytest.importorskip("diff_diff", reason="needs diff-diff (benchmarks extra)")
    import diff_diff.spillover as theirs

    # Its variance builds the first step's dummies without a constant (a unit and a period are left
    # out, and nothing stands for them), so that the weights of the first step are not those of its
    # own estimates: standard errors are off by 0.1 to 1 %. With all dummies they equal ours.
    monkeypatch.setattr(theirs, "_build_butts_fe_design_csr", full_design)
    # Its second step has leads of treated units that overlap with exposure before the adoption, so
    # that both share an effect; in this panel nobody is exposed before being treated.
    panel = planted_panel(treated=5, seed=SEPARATE)
    frame = panel.frame.reset_index()
    frame.columns = ["id", "year", *frame.columns[2:]]
    estimator = diff_diff.SpilloverDiD(
        rings=[0, 80, 160], conley_coords=("lat", "lon"), cluster=cluster,
        event_study=by_event_time,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = estimator.fit(frame, outcome="y", unit="id", time="year", treatment="d")
    # Its own effect is that of treatment and exposure together.
    result = policy(
        panel, "y", treatment="d", rings_km=[0, 80, 160], on_treated="included",
        horizon=None if by_event_time else 0, cluster=None if cluster == "id" else cluster, **PLAIN,
    )  # fmt: skip
    size, periods = panel.n_units * panel.n_periods, panel.n_periods
    if by_event_time:
        own = other.att_dynamic[other.att_dynamic.index >= 0]
        spilled = other.spillover_effects.dropna()
        spilled = spilled[spilled.index.get_level_values(1) >= 0]
        coefs = np.r_[own["coef"], spilled["coef"]]
        errors = np.r_[own["se"], spilled["se"]]
        # Its second step has leads besides; they count in its factor.
        counted = len(other.att_dynamic) - 1 + len(spilled)
    else:
        coefs = np.r_[other.att, other.spillover_effects["coef"]]
        errors = np.r_[other.se, other.spillover_effects["se"]]
        counted = len(coefs)
    ours = result.frame
    case = f"{'by event time' if by_event_time else 'pooled'}, clusters by {cluster}"
    peer = {"program": "diff-diff", "data": "simulated policy", "case": case}
    agree("Policy, rings: effects", ours["estimate"], coefs, rtol=1e-8, atol=1e-9, **peer)
    scale = np.sqrt((size - counted) / (size - len(ours) - periods))
    agree("Policy, rings: standard errors", ours["std_error"], errors * scale, rtol=1e-8, **peer)


@pytest.mark.parity
def test_conley_errors_equal_diff_diff(panel, monkeypatch):
    diff_diff = pytest.importorskip("diff_diff", reason="needs diff-diff (benchmarks extra)")
    import diff_diff.spillover as theirs

    monkeypatch.setattr(theirs, "_build_butts_fe_design_csr", full_design)
    frame = panel.frame.reset_index()
    frame.columns = ["id", "year", *frame.columns[2:]]
    other = diff_diff.SpilloverDiD(
        rings=[0, 80, 160], conley_coords=("lat", "lon"), vcov_type="conley",
        conley_cutoff_km=250, conley_lag_cutoff=2,
    ).fit(frame, outcome="y", unit="id", time="year", treatment="d")  # fmt: skip
    # Its earth has a radius of 6371.01 km, ours of 6371.0088 km; it has no small-sample factor.
    result = policy(
        panel, "y", treatment="d", rings_km=[0, 80, 160], on_treated="included", horizon=0,
        covariance="conley", cutoff_km=250 * 6371.0088 / 6371.01, lags=2, **PLAIN,
    )  # fmt: skip
    size = panel.n_units * panel.n_periods
    free = size - 3 - panel.n_units - panel.n_periods + 1
    errors = np.r_[other.se, other.spillover_effects["se"]] * np.sqrt((size - 1) / free)
    agree(
        "Policy, rings: standard errors of Conley", result.frame["std_error"], errors, rtol=1e-8,
        program="diff-diff", data="simulated policy",
    )  # fmt: skip


@pytest.mark.parity
def test_without_exposure_equals_two_stage_of_diff_diff(panel):
    diff_diff = pytest.importorskip("diff_diff", reason="needs diff-diff (benchmarks extra)")
    frame = panel.frame.reset_index()
    frame.columns = ["id", "year", *frame.columns[2:]]
    other = diff_diff.TwoStageDiD(cluster="id").fit(
        frame, outcome="y", unit="id", time="year", first_treat="adoption", covariates=["x"]
    )
    result = policy(panel, "y", treatment="d", controls="x", horizon=0, **PLAIN)
    n, size = panel.n_units, panel.n_units * panel.n_periods
    factor = n / (n - 1) * (size - 1) / (size - 2 - panel.n_periods)  # which it leaves out
    row = result.frame.iloc[0]
    peer = {"program": "diff-diff", "data": "simulated policy", "rtol": 1e-8}
    agree("Policy, two stages: effect", row["estimate"], other.overall_att, **peer)
    error = other.overall_se * np.sqrt(factor)
    agree("Policy, two stages: standard error", row["std_error"], error, **peer)


@pytest.mark.parity
def test_rings_equal_the_numbers_that_diff_diff_gave():
    """The same without that program, on US states."""
    numbers = json.loads((Path(__file__).parents[1] / "reference" / "policy.json").read_text())
    panel = policy_panel()
    result = policy(
        panel, "lgsp", treatment="pilot", rings_km=RINGS, on_treated="included", horizon=0, **PLAIN
    )
    peer = {
        "program": "diff-diff", "version": numbers["version"], "rtol": 1e-8,
        "data": "US states, a placebo policy",
    }  # fmt: skip
    frame = result.frame
    agree(
        "Policy, rings: effects", frame["estimate"], numbers["estimates"], **peer,
        reason="diff-diff removes the fixed effects by iteration",
    )  # fmt: skip
    size, periods = panel.n_units * panel.n_periods, panel.n_periods
    scale = np.sqrt((size - 3) / (size - 3 - periods))
    errors = np.array(numbers["full_dummies"]) * scale
    agree("Policy, rings: standard errors", frame["std_error"], errors, **peer)
    differ(
        "Policy, rings: standard errors as printed", errors, np.array(numbers["printed"]) * scale,
        reason="the first step of diff-diff leaves out a unit, a period and the constant",
        program="diff-diff", version=numbers["version"], data="US states, a placebo policy",
    )  # fmt: skip
    # What it prints, with dummies that leave out the constant, is near.
    np.testing.assert_allclose(numbers["printed"], numbers["full_dummies"], rtol=0.02)


# -- planted effects -------------------------------------------------------------------------------


def test_a_regression_that_ignores_spillovers_is_biased_and_this_is_not():
    """Own effect 1, spilled 3 per share of neighbours on the untreated: means over 12 panels."""
    ignoring, ours, spilled = [], [], []
    for seed in range(12):
        panel = planted_panel(
            n=80, seed=seed, own=1.0, spilled=3.0, treated=16, scale=0.4, on_treated=False
        )
        w = nq.weights.knn(panel, k=4)
        result = policy(panel, "y", treatment="d", exposure=w, **QUIET)
        overall = result.overall.set_index(["kind", "on"])["estimate"]
        ours.append(overall["own", "treated"])
        spilled.append(overall["spilled", "untreated"])
        two_way = nq.fit("y ~ d", panel, model="ols", effects="two-way")
        ignoring.append(two_way.params["x", "d"])

    def distance(values, truth):
        return abs(np.mean(values) - truth) / (np.std(values) / np.sqrt(len(values)))

    assert distance(ours, 1.0) < 3
    assert distance(spilled, 3.0) < 3
    # Untreated neighbours, which gain from it, stand in its comparison group.
    assert distance(ignoring, 1.0) > 6
    assert np.mean(ignoring) < 0.6


@pytest.mark.slow
def test_intervals_cover_planted_effects_and_placebos_have_their_size():
    """A small version of the benchmark: 150 panels; three standard errors are 5 %."""
    covers, rejects = [], []
    for seed in range(150):
        panel = planted_panel(n=150, periods=10, seed=seed, treated=30, dates=(4, 6))
        w = nq.weights.knn(panel, k=4)
        result = policy(panel, "y", treatment="d", exposure=w, placebo=0)
        frame = result.frame[(result.frame["event_time"] >= 0) & (result.frame["kind"] != "total")]
        truth = np.where(frame["kind"] == "own", 1.0, 0.6)
        covers.append(((frame["conf_low"] <= truth) & (truth <= frame["conf_high"])).mean())
        nothing = planted_panel(
            n=80, periods=6, seed=1000 + seed, own=0, spilled=0, dates=(3,), treated=12
        )
        test = policy(
            nothing, "y", treatment="d", exposure=nq.weights.knn(nothing, k=3), leads=0,
            placebo=199, on_treated="included",
        ).tests["placebo in space, own"]  # fmt: skip
        rejects.append(test.p_value <= 0.05)
    assert 0.92 < np.mean(covers) < 0.98
    assert np.mean(rejects) < 0.11


# -- exposure --------------------------------------------------------------------------------------


def distances_by_loops(panel: nq.SpatialPanel) -> np.ndarray:
    points = panel.geometry.geometry
    lon, lat = np.radians(points.x.to_numpy()), np.radians(points.y.to_numpy())
    n = panel.n_units
    km = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            a = np.sin((lat[i] - lat[j]) / 2) ** 2
            a += np.cos(lat[i]) * np.cos(lat[j]) * np.sin((lon[i] - lon[j]) / 2) ** 2
            km[i, j] = 2 * 6371.0088 * np.arcsin(np.sqrt(a))
    return km


@pytest.mark.parametrize("links", ["all", "within", "across"])
@pytest.mark.parametrize("senders", [None, "west"])
def test_exposure_by_loops(panel, links, senders):
    side = pd.Series(np.where(panel.geometry.geometry.x < 104, "west", "east"), panel.units)
    group = {} if links == "all" and senders is None else {"group": side}
    options = {"links": links, "senders": senders, **group, **QUIET, "on_treated": "included"}
    weights = nq.weights.knn(panel, k=5)
    by_w = policy(panel, "y", treatment="d", exposure=weights, **options).cells["exposure"]
    rings = policy(panel, "y", treatment="d", rings_km=[0, 60, 150], **options).cells
    d, km, matrix = panel.values("d"), distances_by_loops(panel), weights.sparse.toarray()
    n, periods = d.shape
    share, nearest = np.zeros((n, periods)), np.full((n, periods), np.inf)
    for i in range(n):
        for j in range(n):
            same = side.iloc[i] == side.iloc[j]
            if senders is not None and side.iloc[j] != senders:
                continue
            if i == j or (links == "within" and not same) or (links == "across" and same):
                continue
            for time in range(periods):
                share[i, time] += matrix[i, j] * d[j, time]
                if d[j, time]:
                    nearest[i, time] = min(nearest[i, time], km[i, j])
    np.testing.assert_allclose(by_w, share.ravel(), atol=1e-12)
    np.testing.assert_array_equal(rings["0-60 km"], (nearest <= 60).ravel())
    np.testing.assert_array_equal(rings["60-150 km"], ((nearest > 60) & (nearest <= 150)).ravel())


def test_states_of_cells_and_counts_by_period(panel, weights):
    result = policy(panel, "y", treatment="d", exposure=weights, **QUIET)
    d = panel.values("d") == 1
    exposed = weights.sparse @ panel.values("d") > 0
    clean = result.clean
    assert clean["treated"].tolist() == d.sum(axis=0).tolist()
    assert clean["clean"].tolist() == (~d & ~exposed).sum(axis=0).tolist()
    assert (clean[["treated", "exposed", "clean"]].sum(axis=1) == panel.n_units).all()
    states = result.cells["state"].to_numpy().reshape(d.shape)
    assert (states == "treated and exposed").sum() == (d & exposed).sum()
    units = result.units
    first = [None if not row.any() else 2000 + int(row.argmax()) for row in d]
    assert units["adoption"].tolist() == first


# -- placebos --------------------------------------------------------------------------------------


@pytest.mark.parametrize("controls", [[], ["x"]])
def test_a_placebo_draw_equals_an_evaluation_of_the_redrawn_policy(panel, weights, controls):
    result = policy(
        panel, "y", treatment="d", exposure=weights, controls=controls, placebo=40, seed=5, leads=0
    )
    assert result.placebos.shape == (40, 2)
    # The draws of the first batch, by the same generator.
    child = np.random.SeedSequence(5).spawn(1)[0]
    order = np.argsort(np.random.default_rng(child).random((40, panel.n_units)), axis=1)
    d = panel.values("d")
    for draw in (0, 17, 39):
        moved = panel.assign(d=d[order[draw]].ravel())
        again = policy(
            moved, "y", treatment="d", exposure=weights, controls=controls,
            on_treated="included", **QUIET,
        )  # fmt: skip
        overall = again.overall.set_index("kind")["estimate"]
        assert result.placebos["own"][draw] == pytest.approx(overall["own"], rel=1e-9)
        assert result.placebos["exposure"][draw] == pytest.approx(overall["spilled"], rel=1e-9)
    draws = result.placebos["own"]
    observed = result.overall.set_index("kind").loc["total", "estimate"]
    tail = min((draws >= observed).sum(), (draws <= observed).sum())
    assert result.tests["placebo in space, own"].p_value == pytest.approx(2 * (tail + 1) / 41)


def test_draws_do_not_depend_on_workers_and_keep_groups(panel, weights, monkeypatch):
    from nqp_spatial.spillovers import _policy_placebo

    monkeypatch.setattr(_policy_placebo, "_CELLS_PER_BATCH", 5_000)
    options = {"treatment": "d", "exposure": weights, "placebo": 50, "leads": 0}
    first = policy(panel, "y", n_jobs=1, **options)
    with parallel_config(backend="threading"):
        second = policy(panel, "y", n_jobs=2, progress=True, **options)
    pd.testing.assert_frame_equal(first.placebos, second.placebos)
    # Where all treated units are one group, no draw changes anything.
    treated = pd.Series(panel.values("d")[:, -1] > 0, panel.units)
    dates = pd.Series(panel.values("d").sum(axis=1), panel.units)
    same = policy(panel, "y", placebo_within=dates, **options)
    np.testing.assert_allclose(same.placebos["own"], same.placebos["own"][0], rtol=1e-9)
    assert same.tests["placebo in space, own"].p_value == 1
    # Within groups the dates are exchanged, never between them.
    moved = policy(panel, "y", placebo_within=treated, **options)
    assert moved.placebos["own"].nunique() > 5


def test_placebo_in_time_equals_dense_least_squares(panel, weights):
    earlier = 2
    d = panel.values("d") == 1
    exposed = weights.sparse @ panel.values("d") > 0
    moved = np.zeros_like(d)
    moved[:, :-earlier] = d[:, earlier:]
    moved |= d
    moved_exposure = weights.sparse @ moved.astype(float)
    usable = ~d & ~exposed
    frame = panel.assign(
        moved=(moved & usable).astype(int).ravel(), s=(moved_exposure * ~moved * usable).ravel()
    )
    clean = usable & ~moved & ~(moved_exposure > 0)
    n, periods = d.shape
    dummies = np.column_stack(
        [np.kron(np.eye(n), np.ones((periods, 1))), np.kron(np.ones((n, 1)), np.eye(periods))]
    )
    y = panel.values("y").ravel()
    mask = clean.ravel()
    coefs = np.linalg.lstsq(dummies[mask], y[mask], rcond=None)[0]
    r = y - dummies @ coefs
    own = r[frame.values("moved").ravel() == 1].mean()
    s = frame.values("s").ravel()
    spilled = (s * r).sum() / (s**2).sum()
    result = policy(
        panel, "y", treatment="d", exposure=weights, placebo=0, earlier=earlier, leave_out=False
    )
    tests = result.tests
    # The same evaluation, of cells that are clean in truth, by means of what is left.
    assert np.sign(tests["placebo in time, own"].statistic) == np.sign(own)
    maker = np.eye(len(y))
    maker[:, mask] -= dummies @ np.linalg.pinv(dummies[mask])
    design = np.column_stack([frame.values("moved").ravel(), s])
    influence = np.linalg.pinv(design) @ maker
    used = np.where(mask, r, (r - design @ [own, spilled]) * usable.ravel())
    sums = (influence * used).reshape(2, n, periods).sum(axis=2)
    size = n * periods
    factor = n / (n - 1) * (size - 1) / (size - 2 - periods)
    errors = np.sqrt(factor * (sums**2).sum(axis=1))
    assert tests["placebo in time, own"].statistic == pytest.approx(own / errors[0], rel=1e-8)
    assert tests["placebo in time, spilled"].statistic == pytest.approx(
        spilled / errors[1], rel=1e-8
    )
    far = policy(panel, "y", treatment="d", exposure=weights, placebo=0, earlier=3)
    assert not far.tests["placebo in time, own"].applicable


# -- what is not identified ------------------------------------------------------------------------


def test_what_is_not_identified_is_refused_by_name(panel, weights):
    d = panel.values("d")
    run = {"treatment": "d", **QUIET}
    everywhere = nq.weights.inverse_distance(panel)
    with pytest.raises(PanelError, match=r"no clean cell is left in 2003, 2004.*'u0"):
        policy(panel, "y", exposure=everywhere, **run)
    always = d.copy()
    always[7] = 1
    with pytest.raises(
        DomainError, match=r"1 units are treated from the first period 2000.*'u007'"
    ):
        policy(panel.assign(d=always.ravel()), "y", exposure=weights, **run)
    ends = d.copy()
    ends[5, 4], ends[5, 5:] = 1, 0
    with pytest.raises(DomainError, match=r"must last once it has begun, and ends for 'u005'"):
        policy(panel.assign(d=ends.ravel()), "y", exposure=weights, **run)
    half = d.astype(float)
    half[2, 3] = 0.5
    with pytest.raises(DomainError, match=r"must be 0 or 1.*\('u002', 2003\)"):
        policy(panel.assign(d=half.ravel()), "y", exposure=weights, **run)
    with pytest.raises(DomainError, match="no unit is ever treated"):
        policy(panel.assign(d=0), "y", exposure=weights, **run)
    with pytest.raises(DomainError, match="no untreated unit is ever exposed"):
        policy(panel, "y", rings_km=[0, 1], **run)
    with pytest.raises(OptionError, match=r"leads=6 are not identified: of 12 leads only 10"):
        policy(panel, "y", exposure=weights, treatment="d", leads=6)
    with pytest.raises(OptionError, match=r"leads=5 are not identified: no clean cells are left"):
        policy(panel, "y", exposure=weights, treatment="d", leads=5)
    with pytest.raises(OptionError, match="horizon=9 has no cells"):
        policy(panel, "y", exposure=weights, horizon=9, **run)
    pair = np.zeros_like(d)
    pair[[0, int(nq.weights.knn(panel, k=1).sparse[[0]].indices[0])], 3:] = 1
    both = panel.assign(d=pair.ravel())
    with pytest.raises(CollinearityError, match=r"spilled effect on treated units.*on_treated="):
        policy(both, "y", rings_km=[0, 200], **run)
    assert len(policy(both, "y", rings_km=[0, 200], on_treated="included", **run).overall) == 2
    with pytest.raises(OptionError, match="pass exposure= or rings_km="):
        policy(panel, "y", exposure=weights, rings_km=[0, 10], **run)
    with pytest.raises(OptionError, match=r"the first of them 0 .* got \[10.0, 20.0\]"):
        policy(panel, "y", rings_km=[10, 20], **run)
    with pytest.raises(OptionError, match="pass group="):
        policy(panel, "y", exposure=weights, senders="west", **run)
    with pytest.raises(OptionError, match="pass exposure= or rings_km="):
        policy(panel, "y", links="within", **run)
    fixed = panel.assign(size=np.repeat(np.arange(60.0), 8), twin=lambda f: 2 * f["x"])
    with pytest.raises(AbsorbedRegressorError, match="'size'"):
        policy(fixed, "y", exposure=weights, controls=["x", "size"], **run)
    with pytest.raises(CollinearityError, match="control 'twin'"):
        policy(fixed, "y", exposure=weights, controls=["x", "twin"], **run)
    with pytest.raises(OptionError, match="different columns, got 'y' twice"):
        policy(panel, "y", exposure=weights, controls="y", **run)


def test_notes_say_what_the_estimates_rest_on(panel, weights):
    result = policy(panel, "y", treatment="d", exposure=weights, horizon=2, placebo=0)
    notes = " ".join(result.notes)
    clean = int(result.clean["clean"].sum())
    assert f"clean cells: {clean} of 480" in notes
    assert "event time 2 pools all later ones" in notes
    included = policy(panel, "y", treatment="d", exposure=weights, on_treated="included", placebo=0)
    assert any("own effects include what these receive" in note for note in included.notes)
    dense = nq.weights.knn(panel, k=9)
    few = policy(
        panel, "y", treatment="d", exposure=dense, on_treated="included", leads=0, placebo=99
    )
    assert any("few clean units carry the period effects of" in note for note in few.notes)
    assert any("placebo draws leave no clean cell" in note for note in few.notes)


def test_the_model_is_a_spatial_durbin_model_of_the_treatment(panel, weights):
    result = policy(panel, "y", treatment="d", exposure=weights, controls="x", **QUIET)
    by_hand = nq.fit("y ~ d + x", panel, weights, model="sdm", effects="two-way")
    pd.testing.assert_series_equal(result.model.params, by_hand.params)
    rings = policy(panel, "y", treatment="d", rings_km=[0, 100], on_treated="included", **QUIET)
    band = nq.weights.distance_band(panel, cutoff_km=100, islands="keep")
    other = nq.fit("y ~ d", panel, band, model="sdm", effects="two-way")
    pd.testing.assert_series_equal(rings.model.params, other.params)
    alone = policy(panel, "y", treatment="d", **QUIET)
    with pytest.raises(OptionError, match="pass weights="):
        alone.spatial_model()
    assert alone.spatial_model(weights, model="slx").spec.model == "slx"


def test_a_single_treated_unit_has_estimates_but_no_standard_errors(panel, weights):
    """Nothing says how much the effect on another unit would differ."""
    starts = np.zeros((60, 8), dtype=int)
    starts[3, 4:] = 1
    single = panel.assign(d=starts.ravel())
    run = {"treatment": "d", "exposure": weights, "on_treated": "included", "placebo": 0}
    result = policy(single, "y", **run)
    own = result.frame["kind"] == "own"
    assert result.frame.loc[own, "estimate"].notna().all()
    assert result.frame.loc[own, ["std_error", "p_value", "conf_low"]].isna().all(axis=None)
    assert result.frame.loc[~own, "std_error"].notna().any()
    assert np.isnan(result.overall.set_index("kind").loc["own", "std_error"])
    assert not result.tests["pre-trends, own"].applicable
    assert not result.tests["placebo in time, own"].applicable
    assert any("rest on a single cluster" in note for note in result.notes)
    usual = policy(single, "y", leave_out=False, **run)
    assert usual.frame["std_error"].notna().all()
    # Two treated units in one province are one cluster.
    starts[2, 4:] = 1
    pair = panel.assign(d=starts.ravel())
    assert policy(pair, "y", **run).frame["std_error"].notna().all()
    province = policy(pair, "y", cluster="province", **run).frame
    effects = (province["kind"] == "own") & (province["event_time"] >= 0)
    assert province.loc[effects, "std_error"].isna().all()
