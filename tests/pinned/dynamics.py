"""Cases of the dynamics of distributions."""

from __future__ import annotations

from typing import Any

import nqp_spatial as nq
from tests.pinned.cases import Numbers, case
from tests.pinned.data import half, income_links, incomes
from tests.pinned.reading import cells, digest, frame_of, named, statistics, tests_of


def chain_numbers(chain: Any) -> Numbers:
    return (
        digest("counts", chain.counts)
        | digest("probabilities", chain.probabilities)
        | digest("standard errors", chain.std_errors)
        | digest("ergodic", chain.ergodic)
    )


@case("markov")
def _() -> Numbers:
    variants: dict[str, dict[str, Any]] = {
        "pooled": {"replications": 29, "seed": 1},
        "by period": {"states": 5, "discretize": "period-quantiles", "step": 5},
        "cuts": {"discretize": [0.8, 1.0, 1.2]},
    }
    numbers = {}
    for name, options in variants.items():
        chain = nq.dynamics.markov(incomes(), "relative_income", **options)
        numbers |= named(name, chain_numbers(chain))
        if "seed" in options:
            intervals = frame_of(chain, "intervals")[["std_error", "conf_low", "conf_high"]]
            numbers |= digest("intervals", intervals)
            long_run = frame_of(chain, "ergodic_intervals")
            numbers |= digest("long-run intervals", long_run[["conf_low", "conf_high"]])
    relative = nq.dynamics.markov(incomes(), "income", relative=True)
    return numbers | digest("relative", relative.probabilities)


@case("markov: long run")
def _() -> Numbers:
    chain = nq.dynamics.markov(incomes(), "relative_income")
    return {
        "half life": float(chain.half_life),
        **digest("first passage", chain.first_passage),
        **digest("mobility", chain.mobility["estimate"]),
        **digest("mobility errors", chain.mobility["std_error"]),
        **digest("ahead", chain.ahead(7)),
    }


ALL_TESTS = ("lr", "chi2", "lr_all_cells", "chi2_all_cells")


@case("spatial markov")
def _() -> Numbers:
    chain = nq.dynamics.spatial_markov(
        incomes(),
        "relative_income",
        income_links(),
        states=4,
        lag_states=3,
        permutations=49,
        seed=1,
    )
    boot = nq.dynamics.spatial_markov(
        incomes(), "relative_income", income_links(), states=3, lag_states=3, step=5,
        discretize="period-quantiles", replications=19, seed=1,
    )  # fmt: skip
    return (
        chain_numbers(chain)
        | statistics(tests_of(chain), (*ALL_TESTS, "lr_permutation", "chi2_permutation"))
        | digest("mobility", chain.mobility["estimate"])
        | digest("intervals", frame_of(boot, "intervals")[["std_error", "conf_low", "conf_high"]])
    )


@case("spatial markov: group")
def _() -> Numbers:
    given: dict[str, Any] = {"group": half(incomes()), "member": "a"}
    of_group = nq.dynamics.spatial_markov(
        incomes(), "relative_income", income_links(), condition="group", states=3, **given
    )
    both = nq.dynamics.spatial_markov(
        incomes(), "relative_income", income_links(), condition="both", states=3, lag_states=3,
        group_states=2, **given,
    )  # fmt: skip
    names = ("lr", "lr_neighbours", "chi2_neighbours", "lr_group", "chi2_group")
    return (
        named("group", chain_numbers(of_group) | statistics(tests_of(of_group), ("lr", "chi2")))
        | named("both", chain_numbers(both) | statistics(tests_of(both), names))
        | digest("cuts", both.group_cuts)
    )


@case("markov: groups, homogeneity, order")
def _() -> Numbers:
    data = (incomes(), "relative_income")
    groups = nq.dynamics.markov_by_group(*data, group=half(incomes()), permutations=49, seed=1)
    spatial = nq.dynamics.spatial_markov_by_group(
        *data,
        income_links(),
        group=half(incomes()),
        states=3,
        lag_states=3,
        permutations=19,
        seed=1,
    )
    spans = nq.dynamics.time_homogeneity(*data, spans=3, states=3)
    order = nq.dynamics.first_order(*data, states=3)
    return (
        named("group", statistics(tests_of(groups), (*ALL_TESTS, "lr_permutation")))
        | digest("groups", groups.ergodic)
        | named("spatial", statistics(tests_of(spatial), ("lr", "chi2_permutation")))
        | named("time", statistics(tests_of(spans), ALL_TESTS))
        | named("order", statistics(tests_of(order), ("lr", "chi2")))
    )


@case("lisa markov, rank mobility")
def _() -> Numbers:
    data = (incomes(), "relative_income")
    quadrants = nq.dynamics.lisa_markov(*data, income_links())
    near = frame_of(
        nq.dynamics.rank_mobility(*data, income_links(), step=10, permutations=49, seed=1)
    )
    group = frame_of(
        nq.dynamics.rank_mobility(*data, group=half(incomes()), step=10, permutations=49, seed=1)
    )
    kinds = ["stay", "own", "neighbours", "together", "cross"]
    return (
        named("quadrants", chain_numbers(quadrants.chain))
        | statistics({"independence": quadrants.tests["independence"]})
        | digest("expected", quadrants.expected)
        | digest("kinds", quadrants.kinds[kinds])
        | cells(near, ["tau", "tau_neighbours", "tau_others", "neighbours_p_value"], 1950)
        | named("group", cells(group, ["theta", "theta_p_value"], 1950))
    )


@case("density, modality")
def _() -> Numbers:
    numbers = {}
    variants: dict[str, dict[str, Any]] = {
        "silverman": {"bandwidth": "silverman-by-period", "relative": True},
        "sheather-jones": {"bandwidth": "sheather-jones-by-period", "bounds": (0, None)},
        "fixed": {"bandwidth": 400.0},
        "one for all periods": {"bandwidth": "silverman", "relative": True},
    }
    for name, options in variants.items():
        result = nq.dynamics.density(
            incomes(), "income", periods=[1929, 1969, 2009], points=64, **options
        )
        numbers |= digest(f"{name}: density", frame_of(result))
        numbers |= digest(f"{name}: bandwidth", result.bandwidths)
        numbers |= digest(f"{name}: modes", result.modes)
    modality = nq.dynamics.modality(
        incomes(), "income", periods=[1929, 2009], replications=49, seed=1
    )
    table = frame_of(modality)
    return (
        numbers
        | digest("critical bandwidth", table["critical_bandwidth"])
        | digest("modality p", table["p_value"])
    )


@case("stochastic kernel")
def _() -> Numbers:
    data = (incomes(), "relative_income")
    own = nq.dynamics.stochastic_kernel(*data, step=10, points=41)
    near = nq.dynamics.stochastic_kernel(*data, income_links(), step=10, points=41)
    fixed = nq.dynamics.stochastic_kernel(*data, step=5, points=31, bandwidth=(0.05, 0.08))
    return (
        digest("bandwidths", own.bandwidths)
        | digest("conditional", own.conditional)
        | digest("joint", own.joint)
        | digest("ergodic", own.ergodic)
        | digest("expected", own.expected)
        | digest("neighbours", near.conditional)
        | digest("expected of neighbours", near.expected)
        | digest("fixed", fixed.conditional)
    )
