"""What holds for several measures: scale, copies, bootstrap samples, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nqp_spatial as nq
from nqp_spatial.core.resampling import bootstrap_counts
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, PanelError
from tests.inequality.panels import panel_of_groups
from tests.structure.panels import panel_of

incomes = st.lists(st.integers(1, 200), min_size=5, max_size=25).filter(lambda y: max(y) > min(y))


@settings(max_examples=25)
@given(incomes)
def test_scale_and_copies_change_no_part_of_a_decomposition(y):
    """Dagum's parts, both of Theil's, and polarisation of groups."""
    y = np.array(y, dtype=float)
    g = np.where(np.arange(len(y)) % 2, "odd", "even")

    def parts(y, g):
        panel = panel_of_groups(y, g)
        return np.concatenate(
            [
                nq.inequality.dagum(panel, "x", group="g").frame.loc[0],
                nq.inequality.theil(panel, "x", levels="g").frame.loc[0],
                nq.inequality.theil(panel, "x", levels="g", index="L").frame.loc[0],
                nq.inequality.esteban_ray(panel, "x", group="g"),
            ]
        )

    np.testing.assert_allclose(parts(5.1 * y, g), parts(y, g), rtol=1e-8, atol=1e-12)
    copies = parts(np.repeat(y, 2), np.repeat(g, 2))
    np.testing.assert_allclose(copies, parts(y, g), rtol=1e-8, atol=1e-12)


def test_a_bootstrap_sample_is_a_panel_of_repeated_units():
    """Of the table of indices and of Theil's parts, two periods at once."""
    rng = np.random.default_rng(3)
    y, g = rng.lognormal(size=(12, 2)), np.repeat(["a", "b", "c"], 4)
    counts = bootstrap_counts(np.random.default_rng(7), 12, 4).astype(int)
    panel = panel_of_groups(y, g)
    which = ["gini", "cv", "wolfson"]
    options = {"replications": 4, "seed": 7, "level": 0.5}
    table = nq.inequality.indices(panel, "x", which=which, **options)
    theil = nq.inequality.theil(panel, "x", levels="g", **options).intervals
    repeated = [
        panel_of_groups(np.repeat(y, sampled, axis=0), np.repeat(g, sampled)) for sampled in counts
    ]
    for name in which:
        values = [nq.inequality.indices(p, "x", which=[name])[name] for p in repeated]
        expected = np.quantile(values, [0.25, 0.75], axis=0)
        np.testing.assert_allclose(table[name][["low", "high"]].T, expected)
    for name in ("theil", "between_g"):
        values = [nq.inequality.theil(p, "x", levels="g").frame[name] for p in repeated]
        np.testing.assert_allclose(theil[name].T, np.quantile(values, [0.25, 0.75], axis=0))


def test_errors():
    panel = panel_of_groups([1.0, 2, 3], ["a", "a", "b"])
    with pytest.raises(PanelError, match=r"groups with one member .*: 'b'"):
        nq.inequality.dagum(panel, "x", group="g")
    single = nq.inequality.dagum(panel, "x", group="g", singletons="keep")
    assert single.within.loc[0, "b"] == 0
    with pytest.raises(OptionError, match="groups must be two or more"):
        nq.inequality.dagum(panel.assign(g="a"), "x", group="g")
    with pytest.raises(DomainError, match="the Gini coefficient needs non-negative values"):
        nq.inequality.dagum(panel_of_groups([-1.0, 2, 3], ["a", "a", "b"]), "x", group="g")
    with pytest.raises(DomainError, match="'x' is zero everywhere"):
        nq.inequality.indices(panel_of_groups([0.0, 0, 0]), "x")
    with pytest.raises(DomainError, match="theil_l needs positive values"):
        nq.inequality.indices(panel_of_groups([0.0, 1, 2]), "x", which=["theil_l"])
    assert "theil_l" not in nq.inequality.indices(panel_of_groups([0.0, 1, 2]), "x")
    with pytest.raises(OptionError, match="which must name measures of gini"):
        nq.inequality.indices(panel, "x", which=["giny"])
    with pytest.raises(DomainError, match="the population must be positive"):
        weighted = panel_of_groups([1.0, 2, 3], ["a", "a", "b"], [1, 0, 1])
        nq.inequality.indices(weighted, "x", population="w")
    moving = panel_of_groups([[1.0, 2], [3, 4]], ["a", "b"]).assign(g=["a", "b", "b", "b"])
    with pytest.raises(PanelError, match="units change their 'g' over periods"):
        nq.inequality.theil(moving, "x", levels="g")
    with pytest.raises(MissingValuesError):
        nq.inequality.indices(panel_of_groups([1.0, np.nan, 2]), "x")


def test_options_of_bootstraps():
    panel = panel_of([1.0, 2, 4, 7], g=list("aabb"))
    calls = [
        lambda **o: nq.inequality.indices(panel, "x", **o),
        lambda **o: nq.inequality.theil(panel, "x", levels="g", **o),
        lambda **o: nq.inequality.dagum(panel, "x", group="g", **o),
    ]
    for call in calls:
        for options in ({"replications": -1}, {"level": 0.0}, {"level": 1.0}):
            with pytest.raises(OptionError):
                call(**options)
        call(replications=1, level=0.5)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_ends_of_intervals_are_quantiles_of_repeated_units(level):
    """More samples than one batch of Dagum's holds."""
    rng = np.random.default_rng(1)
    y, g = rng.lognormal(size=(8, 2)), np.array(list("aabbbccc"))
    panel = panel_of(y, g=g)
    tails = [(1 - level) / 2, (1 + level) / 2]
    counts = bootstrap_counts(np.random.default_rng(4), 8, 60).astype(int)
    assert (counts.sum(axis=1) == 8).all()
    options = {"replications": 60, "seed": 4, "level": level}
    table = nq.inequality.indices(panel, "x", which=["gini"], **options)
    theil = nq.inequality.theil(panel, "x", levels="g", index="L", **options).intervals
    repeated = [panel_of(np.repeat(y, c, axis=0), g=np.repeat(g, c)) for c in counts]
    values = [nq.inequality.indices(p, "x", which=["gini"])["gini"] for p in repeated]
    np.testing.assert_allclose(table["gini"][["low", "high"]].T, np.quantile(values, tails, axis=0))
    logs = np.array([
        [np.log(v.mean()) - np.log(v).mean() for v in np.repeat(y, c, axis=0).T] for c in counts
    ])  # fmt: skip
    np.testing.assert_allclose(theil["theil"].T, np.quantile(logs, tails, axis=0))

    codes = np.array([0, 0, 1, 1, 1, 2, 2, 2])
    counts = bootstrap_counts(np.random.default_rng(4), 8, 60, codes).astype(int)
    for code, size in ((0, 2), (1, 3), (2, 3)):
        assert (counts[:, codes == code].sum(axis=1) == size).all()
    result = nq.inequality.dagum(panel, "x", group="g", **options).intervals
    ginis = np.array([
        [np.abs(np.subtract.outer(v, v)).mean() / (2 * v.mean()) for v in np.repeat(y, c, axis=0).T]
        for c in counts
    ])  # fmt: skip
    np.testing.assert_allclose(result["gini"].T, np.quantile(ginis, tails, axis=0))
    assert (result["within_share", "low"] <= result["within_share", "high"]).all()
