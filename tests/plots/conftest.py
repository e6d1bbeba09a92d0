"""Every figure once, for what all of them must do."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

import nqp_spatial as nq


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def figures():
    """Every figure, from results whose labels are Chinese: function, arguments, options."""
    capital = nq.datasets.us_public_capital()
    names = {"lgsp": "产出", "lpc": "私人资本", "lpcap": "公共资本", "unemp": "失业率"}
    panel = capital.assign(labels=names, lgsp=capital.frame["lgsp"])
    w = nq.weights.contiguity(panel)
    south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    south = south.map({True: "南方", False: "其他"})
    panel = panel.assign(south=south.reindex(panel.frame.index.get_level_values("unit")).to_numpy())
    result = nq.fit("lgsp ~ lpc", panel, w, effects="unit")
    product = nq.fit("lgsp ~ lpc * unemp", panel, w, effects="unit")
    moran = nq.esda.moran(panel, "lgsp", w, permutations=99, seed=0)
    split = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    matrix = split.effects_matrix("lpc")
    lisa = nq.esda.lisa(panel, "lgsp", w, period=1986, permutations=999, seed=0)
    chain = nq.dynamics.markov(panel, "lgsp", states=3, replications=20, seed=0)
    near = nq.dynamics.spatial_markov(panel, "lgsp", w, states=3, lag_states=2)
    ahead = nq.dynamics.forecast(chain, panel, horizon=5, replications=99, holdout=0)
    density = nq.dynamics.density(panel, "lgsp", relative=True)
    kernel = nq.dynamics.stochastic_kernel(panel, "lgsp", step=3, relative=True)
    clubs = nq.convergence.clubs(panel, "lgsp")
    score = panel.frame["lpc"].groupby(level="unit").mean()
    gap = panel.frame["lgsp"].xs(1986, level="period").copy()
    gap.iloc[:3] = np.nan
    gap.name = "产出"
    index = nq.composite.index(panel, {"lpc": "+", "lpcap": "+", "unemp": "-"})
    index_names = {**names, "unemp": "失业"}
    reach = nq.spillovers.reach("lgsp ~ lpc", panel, edges_km=[0, 600, 1200], effects="unit")
    threshold = nq.spillovers.threshold(
        "lgsp ~ lpc", panel, w, score=score, effects="unit", replications=0, grid=8
    )
    changing = nq.panel_threshold(
        "lgsp ~ lpc + lpcap", panel, threshold="unemp", regime="lpc", thresholds=2, replications=0
    )
    local = nq.gwr("lgsp ~ lpc + lpcap", panel, period=1986, bandwidth=40)
    barrier = nq.spillovers.barrier("lgsp ~ lpc", panel, w, group=south, effects="unit")
    dagum = nq.inequality.dagum(panel, "lgsp", group="south", replications=20, seed=0)
    ranks = nq.composite.rank_intervals(index, period=1986, draws=20, seed=0)
    posterior = nq.regression.posterior_probabilities("lgsp ~ lpc", panel, w, effects="unit")
    candidates = {"后": w, "四邻": nq.weights.knn(panel, k=4)}
    averaged = nq.average_weights("lgsp ~ lpc", panel, candidates, model="sar", draws=50)
    strata = nq.structure.geodetector(
        panel, "lgsp", ["south", "unemp"], period=1986, permutations=19, replications=9
    )
    network = nq.structure.network(panel, "lgsp", period=1986)
    gaps = nq.structure.difference_matrices(panel, ["lpc", "unemp"], period=1986)
    matrices = {"关联网络": network, "私人资本": gaps["lpc"], "失业率": gaps["unemp"]}
    assignment = nq.structure.qap("关联网络 ~ 私人资本 + 失业率", matrices, permutations=99)
    pilots = panel.frame.index.get_level_values("unit").isin(["CA", "TX", "NY"])
    later = panel.frame.index.get_level_values("period") >= 1980
    pilot = panel.assign(labels={"pilot": "试点"}, pilot=(pilots & later).astype(int))
    policy = nq.spillovers.policy(pilot, "lgsp", treatment="pilot", exposure=w, placebo=0)
    joins = nq.esda.join_counts(panel, "south", w, period=1986, permutations=19)
    modes = nq.dynamics.modality(panel, "lgsp", periods=[1970, 1986], max_modes=2, replications=19)
    robust = nq.robustness(
        "lgsp ~ lpc", panel, w, effects="unit", draws=50,
        changes={"缩尾": {"winsorised": 0.01}, "SAR": {"model": "sar"}},
    )  # fmt: skip
    by_group = nq.compare_groups("lgsp ~ lpc", panel, w, group=south, effects="unit", draws=50)
    p = nq.plots
    makers = {
        "beta_scatter": (p.beta_scatter, [nq.convergence.beta(panel, "lgsp", logs=False)]),
        "border_loss": (p.border_loss, [barrier]),
        "centre_path": (p.centre_path, [nq.structure.centre_path(panel, "lgsp"), panel]),
        "coefficient_map": (p.coefficient_map, [local, panel]),
        "choropleth": (p.choropleth, [panel, gap]),
        "choropleth_periods": (p.choropleth_periods, [panel, "lgsp"]),
        "club_map": (p.club_map, [clubs, panel]),
        "dagum": (p.dagum, [dagum]),
        "density_ridges": (p.density_ridges, [density]),
        "density_waterfall": (p.density_waterfall, [density]),
        "digits": (p.digits, [nq.crosscheck(moran)]),
        "effects": (p.effects, [result.effects(draws=50, seed=0)]),
        "effects_at": (p.effects_at, [product.effects(draws=50, seed=0, at={"unemp": [4, 7, 10]})]),
        "estimates": (p.estimates, [result.effects(draws=50, seed=0)]),
        "over_periods": (p.over_periods, [moran, ["moran_i", "expected"]]),
        "effects_arrows": (p.effects_arrows, [matrix, panel, south], {"label": "私人资本"}),
        "effects_matrix": (p.effects_matrix, [matrix], {"label": "私人资本"}),
        "forecast": (p.forecast, [ahead]),
        "forecast_map": (p.forecast_map, [ahead, panel], {"show": "up"}),
        "event_study": (p.event_study, [policy]),
        "exposure_map": (p.exposure_map, [policy, pilot]),
        "policy_effects_map": (p.policy_effects_map, [policy, pilot, "spilled"]),
        "geodetector": (p.geodetector, [strata]),
        "interactions": (p.interactions, [strata]),
        "strata_means": (p.strata_means, [strata, "south"]),
        "block_densities": (p.block_densities, [network]),
        "network_degrees": (p.network_degrees, [network]),
        "network_map": (p.network_map, [network, panel]),
        "qap": (p.qap, [assignment]),
        "group_estimates": (p.group_estimates, [by_group]),
        "inclusion": (p.inclusion, [averaged]),
        "index_weights": (p.index_weights, [index], {"labels": index_names}),
        "join_counts": (p.join_counts, [joins]),
        "log_t": (p.log_t, [nq.convergence.log_t(panel, "lgsp")]),
        "modality": (p.modality, [modes]),
        "kernel_contour": (p.kernel_contour, [kernel]),
        "kernel_surface": (p.kernel_surface, [kernel]),
        "lisa_paths": (p.lisa_paths, [nq.esda.lisa_paths(panel, "lgsp", w)], {"annotate": 2}),
        "lisa_map": (p.lisa_map, [lisa, panel], {"tiers": True}),
        "lisa_maps": (p.lisa_maps, [[lisa], panel], {"significance": True}),
        "moran_scatter": (p.moran_scatter, [lisa]),
        "neighbour_histogram": (p.neighbour_histogram, [w], {"title": "邻居"}),
        "panel_threshold": (p.panel_threshold, [changing]),
        "probabilities": (p.probabilities, [posterior]),
        "rank_intervals": (p.rank_intervals, [ranks]),
        "reach": (p.reach, [reach], {"label": "私人资本"}),
        "residual_map": (p.residual_map, [result, panel], {"period": 1986}),
        "specification_curve": (p.specification_curve, [robust], {"title": "稳健性"}),
        "sigma_lines": (p.sigma_lines, [nq.convergence.sigma(panel, "lgsp", which=["sd", "cv"])]),
        "significance_map": (p.significance_map, [lisa, panel]),
        "steady_states": (p.steady_states, [chain]),
        "theil": (p.theil, [nq.inequality.theil(panel, "lgsp", levels=["south"])]),
        "threshold": (p.threshold, [threshold], {"label": "资本"}),
        "transition_paths": (p.transition_paths, [clubs]),
        "transitions": (p.transitions, [near]),
        "unit_effects_map": (p.unit_effects_map, [result, panel, "lpc", "sent"]),
        "weights_map": (
            p.weights_map,
            [w, panel],
            {"title": "邻居", "scale_bar": True, "north_arrow": True},
        ),
        "weights_matrix": (
            p.weights_matrix,
            [nq.weights.from_dense(1 - np.eye(3), ["甲", "乙", "丙"], standardize="row")],
            {"label": "权重"},
        ),
    }
    return {name: (*maker, {})[:3] for name, maker in makers.items()}
