"""QAP: all permutations by brute force, orientation, and what is refused."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import nqp_spatial as nq
from benchmarks.network_calibration import Cell, rejections
from nqp_spatial.errors import (
    CollinearityError,
    DomainError,
    MissingValuesError,
    OptionError,
    UnmatchedIdsError,
)
from nqp_spatial.structure._dyadic_regression import dyadic_fit, outcome_draws, regressor_draws
from nqp_spatial.structure._dyads import dyads_of, terms_of
from nqp_spatial.structure._numba import permuted_products
from nqp_spatial.structure._qap_permutations import tails
from tests.parity import agree

mrqap, qap, qap_correlation = nq.structure.mrqap, nq.structure.qap, nq.structure.qap_correlation


class AllOrders:
    """Every order of the units, in the place of random ones."""

    def __init__(self, n):
        self.orders = np.array(list(permutations(range(n))))

    def products(self, tasks):
        return [permuted_products(moved, fixed, self.orders) for moved, fixed in tasks]


def matrices(n, seed, symmetric=False):
    rng = np.random.default_rng(seed)
    a, b, noise = rng.normal(size=(3, n, n))
    b = b + 0.6 * a
    net = 0.5 * a - 0.3 * b + noise
    values = {"net": net, "a": a, "b": b}
    return {k: v + v.T for k, v in values.items()} if symmetric else values


def pairs_of(matrix, symmetric):
    n = len(matrix)
    return matrix[np.triu_indices(n, 1)] if symmetric else matrix[~np.eye(n, dtype=bool)]


# -- all permutations ------------------------------------------------------------------------------


@pytest.mark.parity
@pytest.mark.parametrize("symmetric", [False, True])
def test_double_semi_partialling_over_all_permutations(symmetric):
    """Each of 120 permutations by least squares on the pairs, with statsmodels' t statistics."""
    values = matrices(5, 1, symmetric)
    fit = dyadic_fit(dyads_of(values), terms_of("net ~ a + b", list(values)))
    draws = fit.statistics(regressor_draws(fit, AllOrders(5)))
    y = pairs_of(values["net"], symmetric)
    for place, (name, other) in enumerate([("a", "b"), ("b", "a")]):
        x, z = pairs_of(values[name], symmetric), pairs_of(values[other], symmetric)
        full = sm.OLS(y, sm.add_constant(np.column_stack([x, z]))).fit()
        other_program = {
            "program": "statsmodels", "data": "pairs of five units", "rtol": 1e-11,
            "case": f"{name}, {'symmetric' if symmetric else 'directed'}",
        }  # fmt: skip
        statistic = fit.statistics(fit.partial)[1 + place]
        agree("MRQAP: coefficient", fit.params[1 + place], full.params[1], **other_program)
        agree("MRQAP: t", statistic, full.tvalues[1], **other_program)
        agree("MRQAP: R2", fit.r2, full.rsquared, **other_program)
        residual = np.zeros((5, 5))
        cells = np.triu_indices(5, 1) if symmetric else np.nonzero(~np.eye(5, dtype=bool))
        residual[cells] = sm.OLS(x, sm.add_constant(z)).fit().resid
        if symmetric:
            residual += residual.T
        brute = []
        for order in permutations(range(5)):
            moved = pairs_of(residual[np.ix_(order, order)], symmetric)
            design = sm.add_constant(np.column_stack([moved, z]))
            brute.append(sm.OLS(y, design).fit().tvalues[1])
        agree(
            "MRQAP: t of all permutations", draws[:, place], brute,
            **(other_program | {"rtol": 1e-9}),
        )  # fmt: skip
        # The p-value over all permutations, the observed order among them.
        exact = np.mean(np.abs(brute) >= abs(full.tvalues[1]) - 1e-9)
        counted = tails(fit.partial[1:], regressor_draws(fit, AllOrders(5)))
        assert counted.two_sided[place] == pytest.approx((120 * exact + 1) / 121)


def test_permuted_outcomes_over_all_permutations():
    values = matrices(5, 2)
    fit = dyadic_fit(dyads_of(values), terms_of("net ~ a + b", list(values)))
    partial, r2 = outcome_draws(fit, AllOrders(5))
    x = np.column_stack([pairs_of(values[name], False) for name in ("a", "b")])
    models = [
        sm.OLS(pairs_of(values["net"][np.ix_(order, order)], False), sm.add_constant(x)).fit()
        for order in permutations(range(5))
    ]
    np.testing.assert_allclose(
        fit.statistics(partial), [model.tvalues[1:] for model in models], rtol=1e-9
    )
    np.testing.assert_allclose(r2, [model.rsquared for model in models], rtol=1e-9)


def test_random_permutations_come_near_all_of_them():
    values = matrices(6, 3)
    result = mrqap("net ~ a + b", values, permutations=9999, seed=4)
    fit = dyadic_fit(dyads_of(values), terms_of("net ~ a + b", list(values)))
    every = tails(fit.partial[1:], regressor_draws(fit, AllOrders(6)))
    for name, exact in (
        ("p_value", every.two_sided), ("p_greater", every.greater), ("p_less", every.less),
    ):  # fmt: skip
        error = 4 * np.sqrt(exact * (1 - exact) / 9999) + 1e-3
        assert (np.abs(result.frame[name].iloc[1:] - exact) < error).all()


def test_correlations_over_all_permutations():
    values = matrices(5, 5)
    result = qap_correlation(values["net"], values["a"], permutations=99, seed=0)
    y, x = pairs_of(values["net"], False), pairs_of(values["a"], False)
    observed = np.corrcoef(y, x)[0, 1]
    assert result.frame["correlation"].iloc[0] == pytest.approx(observed, rel=1e-12)
    brute = [
        np.corrcoef(pairs_of(values["net"][np.ix_(order, order)], False), x)[0, 1]
        for order in permutations(range(5))
    ]
    many = qap_correlation(values["net"], values["a"], permutations=9999, seed=1).frame.iloc[0]
    for name, exact in (
        ("p_value", np.mean(np.abs(brute) >= abs(observed) - 1e-9)),
        ("p_greater", np.mean(np.array(brute) >= observed - 1e-9)),
        ("p_less", np.mean(np.array(brute) <= observed + 1e-9)),
    ):
        assert abs(many[name] - exact) < 4 * np.sqrt(exact * (1 - exact) / 9999) + 1e-3
    low, high = np.quantile(brute, [0.025, 0.975])
    assert many["null_low"] == pytest.approx(low, abs=0.05)
    assert many["null_high"] == pytest.approx(high, abs=0.05)


def test_florentine_families():
    """Marriages and business of 16 families (Padgett): 8 of 20 and of 15 links are the same."""
    families = [
        "Acciaiuoli", "Albizzi", "Barbadori", "Bischeri", "Castellani", "Ginori", "Guadagni",
        "Lamberteschi", "Medici", "Pazzi", "Peruzzi", "Pucci", "Ridolfi", "Salviati", "Strozzi",
        "Tornabuoni",
    ]  # fmt: skip
    marriage = "08 15 16 18 24 28 36 3a 3e 4a 4e 67 6f 8c 8d 8f 9d ae ce cf"
    business = "24 25 28 2a 36 37 3a 47 4a 58 67 7a 89 8d 8f"
    networks = {}
    for name, links in (("marriage", marriage), ("business", business)):
        matrix = pd.DataFrame(0.0, families, families)
        for link in links.split():
            i, j = (int(sign, 16) for sign in link)
            matrix.iloc[i, j] = matrix.iloc[j, i] = 1.0
        networks[name] = matrix
    result = qap_correlation(networks, permutations=9999)
    row = result.frame.loc[("marriage", "business")]
    shares = 20 / 120, 15 / 120
    by_hand = (8 / 120 - shares[0] * shares[1]) / np.sqrt(
        shares[0] * (1 - shares[0]) * shares[1] * (1 - shares[1])
    )
    assert row["correlation"] == pytest.approx(by_hand, rel=1e-12)
    assert round(by_hand, 3) == 0.372
    assert row["p_value"] < 0.004
    assert result.n_pairs == 120
    assert "each pair of units counts once" in result.notes[0]


# -- reading ---------------------------------------------------------------------------------------


def test_units_are_matched_by_id():
    values = matrices(12, 6)
    ids = [f"u{k:02d}" for k in range(12)]
    tables = {name: pd.DataFrame(v, ids, ids) for name, v in values.items()}
    order = np.random.default_rng(0).permutation(12)
    tables["a"] = tables["a"].iloc[order, order[::-1]]
    here = mrqap("net ~ a + b", values, permutations=99)
    there = mrqap("net ~ a + b", tables, permutations=99)
    pd.testing.assert_frame_equal(here.frame, there.frame)


def test_weights_and_networks_have_one_direction():
    """A network and its weights, whose rows receive, are the same matrix."""
    states = nq.datasets.us_public_capital()
    net = nq.structure.network(states, "lgsp", period=1986)
    w = net.as_weights(standardize="none")
    result = qap_correlation({"net": net, "w": w, "table": net.matrix()}, permutations=19)
    np.testing.assert_allclose(result.frame["correlation"], 1)
    graph = qap_correlation(net, w.graph, permutations=0).frame["correlation"]
    np.testing.assert_allclose(graph, 1)


def test_products_of_matrices():
    values = matrices(10, 7)
    product = {**values, "both": values["a"] * values["b"], "a b": values["a"]}
    named = mrqap("net ~ a + both", product, permutations=49)
    formed = mrqap("net ~ a + a:b", product, permutations=49)
    ticked = mrqap("net ~ `a b` + both", product, permutations=49)
    np.testing.assert_array_equal(named.frame, formed.frame)
    np.testing.assert_array_equal(named.frame, ticked.frame)
    assert formed.frame.index.tolist() == ["Intercept", "a", "a:b"]


def test_differences(tmp_path):
    states = nq.datasets.us_public_capital()
    gaps = nq.structure.difference_matrices(states, ["unemp", "lpc"], period=1986)
    x = states.frame["unemp"].xs(1986, level="period")
    assert gaps["unemp"].loc["TX", "NY"] == pytest.approx(abs(x["TX"] - x["NY"]))
    signed = nq.structure.difference_matrices(states, ["unemp"], how="signed")["unemp"]
    mean = states.frame["unemp"].groupby(level="unit").mean()
    assert signed.loc["TX", "NY"] == pytest.approx(mean["TX"] - mean["NY"])
    with pytest.raises(OptionError, match="at least one column"):
        nq.structure.difference_matrices(states, [])


# -- both tables -----------------------------------------------------------------------------------


def test_qap_is_both_analyses():
    values = matrices(15, 8)
    result = qap("net ~ a + b", values, permutations=199, seed=3)
    model = mrqap("net ~ a + b", values, permutations=199, seed=3)
    pd.testing.assert_frame_equal(result.regression.frame, model.frame)
    simple = qap_correlation(values, permutations=199, seed=3)
    pd.testing.assert_frame_equal(result.correlations.frame, simple.frame)
    assert result.frame.loc["a", "correlation"] == simple.frame.loc[("net", "a"), "correlation"]
    assert result.frame.loc["b", "correlation_p_value"] == simple.frame.loc[("net", "b"), "p_value"]
    assert result.frame.loc["b", "p_value"] == model.pvalues["b"]
    assert set(result.tests) == {"net, a", "net, b", "a, b", "R2", "a", "b"}
    wide = simple.wide()
    assert wide.loc["a", "net"] == wide.loc["net", "a"] == result.frame.loc["a", "correlation"]
    with pytest.raises(OptionError, match="column must be one of"):
        simple.wide("estimate")


def test_the_same_for_any_number_of_workers():
    values = matrices(20, 9)
    one, two = (
        mrqap("net ~ a + b", values, permutations=333, seed=5, n_jobs=jobs) for jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one.frame, two.frame, check_exact=True)
    again = mrqap("net ~ a + b", values, permutations=333, seed=6)
    assert not again.frame.equals(one.frame)


@pytest.mark.parity
def test_standardised_coefficients_and_adjusted_r2():
    values = matrices(12, 10)
    result = mrqap("net ~ a + b", values, permutations=0)
    z = {k: (v - pairs_of(v, False).mean()) / pairs_of(v, False).std() for k, v in values.items()}
    scaled = mrqap("net ~ a + b", z, permutations=0)
    np.testing.assert_allclose(result.frame["standardized"].iloc[1:], scaled.params.iloc[1:])
    x = np.column_stack([pairs_of(values[name], False) for name in ("a", "b")])
    model = sm.OLS(pairs_of(values["net"], False), sm.add_constant(x)).fit()
    agree(
        "MRQAP: adjusted R2", result.r2_adjusted, model.rsquared_adj, rtol=1e-11,
        program="statsmodels", data="pairs of twelve units",
    )  # fmt: skip
    assert result.n_pairs == 132
    assert result.pvalues.isna().all()
    assert not result.tests["a"].applicable


def test_a_perfect_fit_has_the_smallest_p_value():
    values = matrices(9, 11)
    values["net"] = 2 * values["a"] - values["b"]
    result = mrqap("net ~ a + b", values, permutations=99)
    assert result.r2 == pytest.approx(1)
    assert result.pvalues.iloc[1:].tolist() == [0.01, 0.01]


# -- size ------------------------------------------------------------------------------------------


def test_size_under_effects_of_senders_and_receivers():
    """150 networks; benchmarks/calibration_networks.csv has 2 000 of each kind."""
    sizes = rejections(Cell(15, 1.0), 150, permutations=99)
    assert abs(sizes["double semi-partialling"] - 0.05) < 0.054  # three standard errors
    assert abs(sizes["QAP correlation, b absent"] - 0.05) < 0.054
    assert sizes["classical"] > 0.15


# -- what is refused -------------------------------------------------------------------------------


def test_what_is_refused():
    values = matrices(8, 12)
    ids = list("abcdefgh")
    table = pd.DataFrame(values["a"], ids, ids)
    with pytest.raises(OptionError, match="one '~'"):
        mrqap("net + a", values)
    with pytest.raises(OptionError, match="which is no matrix; there are 'net', 'a', 'b'"):
        mrqap("net ~ a + log(b)", values)
    with pytest.raises(OptionError, match="cannot explain itself"):
        mrqap("net ~ net", values)
    with pytest.raises(OptionError, match="one matrix"):
        mrqap("net:a ~ b", values)
    with pytest.raises(CollinearityError, match="'c'"):
        mrqap("net ~ a + b + c", {**values, "c": values["a"] + 2 * values["b"]})
    with pytest.raises(DomainError, match="'c' is constant"):
        mrqap("net ~ a + c", {**values, "c": np.ones((8, 8))})
    with pytest.raises(OptionError, match="arrays, which carry no ids"):
        mrqap("net ~ a + b", {**values, "a": table})
    with pytest.raises(UnmatchedIdsError, match="of the same units"):
        qap_correlation({"a": table, "b": table.iloc[1:, 1:]})
    with pytest.raises(MissingValuesError, match=r"'a' has no value for \('a', 'b'\)"):
        broken = table.copy()
        broken.iloc[0, 1] = np.nan
        qap_correlation({"a": broken, "b": table})
    with pytest.raises(DomainError, match="infinite"):
        qap_correlation({"a": table.replace(table.iloc[0, 1], np.inf), "b": table})
    with pytest.raises(DomainError, match="need 4 units or more"):
        qap_correlation(values["a"][:3, :3], values["b"][:3, :3])
    with pytest.raises(OptionError, match="square"):
        qap_correlation(values["a"][:5], values["b"])
    with pytest.raises(OptionError, match="two networks"):
        qap_correlation({"a": table})
    with pytest.raises(OptionError, match="needs two networks"):
        qap_correlation(table)
    with pytest.raises(OptionError, match="ids twice"):
        qap_correlation(table.set_axis(list("aacdefgh")), table)


def test_the_diagonal_does_not_matter():
    values = matrices(8, 13)
    filled = {name: v + np.diag(np.full(8, np.nan)) for name, v in values.items()}
    here, there = (mrqap("net ~ a + b", v, permutations=49).frame for v in (values, filled))
    pd.testing.assert_frame_equal(here, there)
    assert np.isnan(filled["a"][0, 0])
