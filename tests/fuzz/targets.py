"""A call that is right, for every public function and method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

import nqp_spatial as nq
from tests.fuzz.world import World

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """A function or method by its public name, and the arguments of a right call."""

    name: str
    base: Callable[[World], Arguments]
    owner: Callable[[World], Any] | None = field(default=None)

    def function(self, world: World) -> Callable[..., Any]:
        if self.owner is not None:
            return getattr(self.owner(world), self.name.rpartition(".")[2])
        value: Any = nq
        for part in self.name.split("."):
            value = getattr(value, part)
        return value


def _call(*args: Any, **kwargs: Any) -> Arguments:
    return args, kwargs


def _differences(w: World) -> pd.Series:
    pairs = pd.MultiIndex.from_tuples([("a", "b"), ("b", "c"), ("a", "c")])
    return pd.Series([1.0, 2.0, 4.0], pairs)


FUNCTIONS: dict[str, Callable[[World], Arguments]] = {
    "SpatialPanel": lambda w: _call(w.frame, unit="city", period="year"),
    "read_panel": lambda w: _call(w.table, unit="city", period="year", geometry=w.map),
    "fit": lambda w: _call("y ~ x1 + x2", w.panel, w.weights),
    "diagnostics": lambda w: _call("y ~ x1 + x2", w.panel, w.weights, effects="unit"),
    "compare": lambda w: _call({"a": w.result, "b": w.result}, draws=20),
    "average_weights": lambda w: _call(
        "y ~ x1", w.panel, {"queen": w.weights, "near": w.weights}, model="sar", draws=50
    ),
    "endogenous_weights": lambda w: _call(
        "y ~ x1", w.panel, w.weights, makers="x2 ~ x1"
    ),
    "gwr": lambda w: _call("y ~ x1 + x2", w.panel, period=2017, bandwidth=20),
    "panel_threshold": lambda w: _call(
        "y ~ x1 + x2", w.panel, threshold="pop", regime="x1", grid=20, replications=9
    ),
    "crosscheck": lambda w: _call(w.result),
    "regression.interactive_effects": lambda w: _call("y ~ x1 + x2", w.panel, w.weights),
    "regression.log_determinant": lambda w: _call(w.weights),
    "regression.posterior_probabilities": lambda w: _call("y ~ x1", w.panel, w.weights),
    "regression.model_grid": lambda w: _call("y ~ x1", w.panel, {"queen": w.weights}),
    "compare_groups": lambda w: _call(
        "y ~ x1", w.panel, w.weights, group="region", permutations=3, draws=20
    ),
    "robustness": lambda w: _call(
        "y ~ x1", w.panel, w.weights, changes={"winsorised": 0.02, "SAR": {"model": "sar"}},
        draws=60,
    ),
    "regression.change_names": lambda w: _call(),
    "regression.register_change": lambda w: _call("fuzzed", replace=True),
    "regression.wild_bootstrap": lambda w: _call(
        "y ~ x1", w.panel, effects="unit", replications=99
    ),
    # weights
    "weights.across": lambda w: _call(w.weights, w.region),
    "weights.bands": lambda w: _call(w.panel, edges_km=[0, 150, 300]),
    "weights.compare": lambda w: _call(w.weights, w.weights),
    "weights.compare_groups": lambda w: _call(w.weights, w.region, permutations=19, seed=0),
    "weights.contiguity": lambda w: _call(w.panel),
    "weights.directed_economic": lambda w: _call(w.panel, "x1", base=w.weights),
    "weights.distance_band": lambda w: _call(w.panel, cutoff_km=200),
    "weights.economic": lambda w: _call(w.panel, "x1"),
    "weights.exponential": lambda w: _call(w.panel, scale_km=200),
    "weights.flows": lambda w: _call(
        w.edges, origin="focal", destination="neighbor", flow="weight"
    ),
    "weights.from_dense": lambda w: _call(w.dense),
    "weights.from_edges": lambda w: _call(w.edges, weight="weight"),
    "weights.from_pysal": lambda w: _call(w.weights.graph),
    "weights.gravity": lambda w: _call(w.panel, "x1"),
    "weights.inverse_distance": lambda w: _call(w.panel),
    "weights.knn": lambda w: _call(w.panel, k=4),
    "weights.nested": lambda w: _call(w.weights, w.weights),
    "weights.partition": lambda w: _call(w.weights, w.region),
    "weights.read": lambda w: _call(w.weights_file),
    "weights.similarity": lambda w: _call(w.dense),
    "weights.triangulation": lambda w: _call(w.panel),
    "weights.within": lambda w: _call(w.weights, w.region),
    # esda
    "esda.bivariate_lisa": lambda w: _call(
        w.panel, "x1", "x2", w.weights, period=2017, permutations=19, seed=0
    ),
    "esda.bivariate_moran": lambda w: _call(
        w.panel, "x1", "x2", w.weights, permutations=19, seed=0
    ),
    "esda.differential_lisa": lambda w: _call(
        w.panel, "x1", w.weights, periods=(2010, 2017), permutations=19, seed=0
    ),
    "esda.geary": lambda w: _call(w.panel, "x1", w.weights, permutations=19, seed=0),
    "esda.getis_ord": lambda w: _call(
        w.panel, "x1", w.weights, period=2017, permutations=19, seed=0
    ),
    "esda.lisa_paths": lambda w: _call(w.panel, "x1", w.weights),
    "esda.local_geary": lambda w: _call(
        w.panel, "x1", w.weights, period=2017, permutations=19, seed=0
    ),
    "esda.join_counts": lambda w: _call(
        w.panel, "core", w.weights, period=2017, permutations=19, seed=0
    ),
    "esda.lisa": lambda w: _call(w.panel, "x1", w.weights, period=2017, permutations=19, seed=0),
    "esda.moran": lambda w: _call(w.panel, "x1", w.weights, permutations=19, seed=0),
    # inequality
    "structure.centre_path": lambda w: _call(w.panel, "x1"),
    "inequality.dagum": lambda w: _call(w.panel, "x1", group="region", replications=9),
    "structure.geodetector": lambda w: _call(
        w.panel, "x1", ["region", "x2"], period=2017, permutations=19, replications=19
    ),
    "structure.areal_density": lambda w: _call(w.panel, "x1"),
    "structure.diversity": lambda w: _call(w.panel, ["bread", "rice", "salt"]),
    "structure.border_exposure": lambda w: _call(w.panel, w.weights, group="region", rho=0.3),
    "inequality.esteban_ray": lambda w: _call(w.panel, "x1", group="region"),
    "inequality.gaps": lambda w: _call(w.panel, "x1", group="region"),
    "inequality.indices": lambda w: _call(w.panel, "x1"),
    "inequality.intransitive": lambda w: _call(_differences(w)),
    "structure.difference_matrices": lambda w: _call(w.panel, ["x1"]),
    "structure.network": lambda w: _call(w.panel, "x1", period=2017),
    "structure.qap_correlation": lambda w: _call(w.dense, w.gap, permutations=19),
    "structure.mrqap": lambda w: _call(
        "net ~ x1", {"net": w.dense, "x1": w.gap}, permutations=19
    ),
    "structure.qap": lambda w: _call("net ~ x1", {"net": w.dense, "x1": w.gap}, permutations=19),
    "structure.market_potential": lambda w: _call(w.panel, "x1"),
    "structure.misallocation": lambda w: _call(w.panel, output="y", capital="x1", labour="x2"),
    "structure.segmentation": lambda w: _call(w.panel, ["bread", "rice", "salt"], w.weights),
    "inequality.spatial_gini": lambda w: _call(w.panel, "x1", w.weights, permutations=19),
    "inequality.theil": lambda w: _call(
        w.panel, "x1", levels=["region", "province"], replications=9
    ),
    # dynamics
    "dynamics.density": lambda w: _call(w.panel, "x1", points=64),
    "dynamics.first_order": lambda w: _call(w.panel, "x1", states=2),
    "dynamics.forecast": lambda w: _call(
        w.markov, w.panel, horizon=2, replications=19, holdout=1, seed=0
    ),
    "dynamics.lisa_markov": lambda w: _call(w.panel, "x1", w.weights),
    "dynamics.markov": lambda w: _call(w.panel, "x1", states=3, replications=9, seed=0),
    "dynamics.markov_by_group": lambda w: _call(w.panel, "x1", group="region", states=2),
    "dynamics.modality": lambda w: _call(
        w.panel, "x1", periods=[2017], max_modes=1, replications=19, seed=0
    ),
    "dynamics.rank_mobility": lambda w: _call(
        w.panel, "x1", w.weights, group="region", permutations=19, seed=0
    ),
    "dynamics.spatial_markov": lambda w: _call(
        w.panel, "x1", w.weights, states=2, lag_states=2, permutations=9, seed=0
    ),
    "dynamics.spatial_markov_by_group": lambda w: _call(
        w.panel, "x1", w.weights, group="region", states=2, lag_states=2
    ),
    "dynamics.stochastic_kernel": lambda w: _call(w.panel, "x1", w.weights, points=21),
    "dynamics.time_homogeneity": lambda w: _call(w.panel, "x1", states=2),
    # convergence
    "convergence.beta": lambda w: _call(
        w.panel, "x1", weights=w.weights, controls=["x2"], model="slx", group="region"
    ),
    "convergence.club_joins": lambda w: _call(w.clubs, w.weights, permutations=19, seed=0),
    "convergence.club_logit": lambda w: _call(
        w.clubs, w.club_panel, ["x2"], w.club_world.weights
    ),
    "convergence.clubs": lambda w: _call(w.panel, "x1"),
    "convergence.log_t": lambda w: _call(w.panel, "x1"),
    "convergence.sigma": lambda w: _call(w.panel, "x1"),
    # composite
    "composite.coupling": lambda w: _call(w.panel, ["s1", "s2"]),
    "composite.index": lambda w: _call(w.panel, {"x1": "+", "x2": "-", "pop": "+"}),
    "composite.rank_intervals": lambda w: _call(w.index, period=2017, draws=20),
    "composite.rank_schemes": lambda w: _call(
        w.panel, {"x1": "+", "x2": "-", "pop": "+"}, period=2017
    ),
    # datasets
    "datasets.base_stations_5g": lambda w: _call(),
    "datasets.china_prefectures": lambda w: _call(),
    "datasets.china_provinces": lambda w: _call(),
    "datasets.china_sea_line": lambda w: _call(),
    "datasets.city_schemes": lambda w: _call(),
    "datasets.gdp_gaps": lambda w: _call(),
    "datasets.castle": lambda w: _call(),
    "datasets.hu_line_shares": lambda w: _call(),
    "datasets.hu_side": lambda w: _call(
        pd.Series([100.0, 120.0], ["a", "b"]), pd.Series([30.0, 30.0], ["a", "b"])
    ),
    "datasets.industry_clusters": lambda w: _call(),
    "datasets.industry_plans": lambda w: _call(),
    "datasets.match_provinces": lambda w: _call(["Hubei", 65]),
    "datasets.match_prefectures": lambda w: _call(["Wuhan", "Suzhou"], provinces=None),
    "datasets.mexico_income": lambda w: _call(),
    "datasets.nc_crime": lambda w: _call(),
    "datasets.region_schemes": lambda w: _call(),
    "datasets.simulate_cities": lambda w: _call(0),
    "datasets.us_income": lambda w: _call(),
    "datasets.us_public_capital": lambda w: _call(),
    # spillovers
    "spillovers.barrier": lambda w: _call("y ~ x1", w.panel, w.weights, group="region"),
    "spillovers.distance_decay": lambda w: _call("y ~ x1", w.panel, cutoff_km=400),
    "spillovers.mediation": lambda w: _call(
        "y ~ x1 + x2", "x1 ~ x2", w.panel, w.weights, draws=99
    ),
    "spillovers.policy": lambda w: _call(
        w.pilots, "y", treatment="pilot", exposure=w.weights, placebo=9
    ),
    "spillovers.partitioned": lambda w: _call("y ~ x1", w.panel, w.weights, group="core"),
    "spillovers.reach": lambda w: _call("y ~ x1", w.panel, edges_km=[0, 130, 260]),
    "spillovers.reach_links_beyond": lambda w: _call(
        "y ~ x1", w.panel, cutoffs_km=[0, 130], outer_km=400
    ),
    "spillovers.reach_links_within": lambda w: _call("y ~ x1", w.panel, cutoffs_km=[130, 260]),
    "spillovers.threshold": lambda w: _call(
        "y ~ x1", w.panel, w.weights, score="s1", grid=5, replications=0
    ),
    # plots
    "plots.beta_scatter": lambda w: _call(w.beta),
    "plots.border_loss": lambda w: _call(w.barrier),
    "plots.centre_path": lambda w: _call(w.centre_path, w.panel),
    "plots.choropleth": lambda w: _call(w.panel, "x1", period=2017),
    "plots.choropleth_periods": lambda w: _call(w.panel, "x1", periods=[2010, 2017]),
    "plots.club_map": lambda w: _call(w.clubs, w.club_panel),
    "plots.dagum": lambda w: _call(w.dagum),
    "plots.density_ridges": lambda w: _call(w.density),
    "plots.density_waterfall": lambda w: _call(w.density),
    "plots.effects": lambda w: _call(w.effects),
    "plots.effects_arrows": lambda w: _call(
        w.partitioned.effects_matrix("x1"), w.panel, "core"
    ),
    "plots.effects_at": lambda w: _call(w.effects_at),
    "plots.effects_matrix": lambda w: _call(w.partitioned.effects_matrix("x1")),
    "plots.estimates": lambda w: _call(w.effects),
    "plots.explore": lambda w: _call(w.panel, weights=w.weights, variables=["x1", "region"]),
    "plots.group_estimates": lambda w: _call(w.by_group),
    "plots.index_weights": lambda w: _call(w.index),
    "plots.kernel_contour": lambda w: _call(w.kernel),
    "plots.kernel_surface": lambda w: _call(w.kernel),
    "plots.lisa_map": lambda w: _call(w.lisa, w.panel),
    "plots.lisa_maps": lambda w: _call([w.lisa, w.lisa], w.panel),
    "plots.digits": lambda w: _call(w.second_opinion),
    "plots.inclusion": lambda w: _call(w.averaged),
    "plots.forecast": lambda w: _call(w.forecast),
    "plots.forecast_map": lambda w: _call(w.forecast, w.panel),
    "plots.event_study": lambda w: _call(w.policy),
    "plots.exposure_map": lambda w: _call(w.policy, w.panel),
    "plots.policy_effects_map": lambda w: _call(w.policy, w.panel),
    "plots.geodetector": lambda w: _call(w.geodetector),
    "plots.interactions": lambda w: _call(w.geodetector),
    "plots.strata_means": lambda w: _call(w.geodetector, "region"),
    "plots.network_degrees": lambda w: _call(w.network),
    "plots.network_map": lambda w: _call(w.network, w.panel),
    "plots.block_densities": lambda w: _call(w.network),
    "plots.qap": lambda w: _call(w.qap),
    "plots.lisa_paths": lambda w: _call(w.lisa_paths),
    "plots.join_counts": lambda w: _call(w.joins),
    "plots.log_t": lambda w: _call(w.log_t),
    "plots.modality": lambda w: _call(w.modality),
    "plots.moran_scatter": lambda w: _call(w.lisa),
    "plots.neighbour_histogram": lambda w: _call(w.weights),
    "plots.over_periods": lambda w: _call(w.sigma),
    "plots.probabilities": lambda w: _call(
        pd.DataFrame({"model": ["slx", "sdm"], "probability": [0.3, 0.7]})
    ),
    "plots.rank_intervals": lambda w: _call(
        nq.composite.rank_intervals(w.index, period=2017, draws=20)
    ),
    "plots.reach": lambda w: _call(w.reach),
    "plots.residual_map": lambda w: _call(w.result, w.panel, period=2017),
    "plots.save": lambda w: _call(
        nq.plots.dagum(w.dagum), w.folder / "figure", formats=["png"], dpi=20
    ),
    "plots.sigma_lines": lambda w: _call(w.sigma),
    "plots.significance_map": lambda w: _call(w.lisa, w.panel),
    "plots.specification_curve": lambda w: _call(w.robustness),
    "plots.steady_states": lambda w: _call(w.markov),
    "plots.theil": lambda w: _call(w.theil),
    "plots.theme": lambda w: _call(font="sans-serif", size=9.0, style="notebook"),
    "plots.coefficient_map": lambda w: _call(w.gwr, w.panel),
    "plots.panel_threshold": lambda w: _call(w.panel_threshold),
    "plots.threshold": lambda w: _call(w.threshold),
    "plots.transition_paths": lambda w: _call(w.clubs),
    "plots.transitions": lambda w: _call(w.markov),
    "plots.unit_effects_map": lambda w: _call(w.result, w.panel, "x1"),
    "plots.weights_map": lambda w: _call(w.weights, w.panel),
    "plots.weights_matrix": lambda w: _call(w.weights),
    # report
    "report.check": lambda w: _call(w.settings),
    "report.club_table": lambda w: _call(w.clubs, w.folder / "clubs.tex"),
    "report.dagum_table": lambda w: _call(w.dagum, w.folder / "dagum.tex"),
    "report.descriptive_table": lambda w: _call(w.panel, ["x1", "x2"], w.folder / "d.tex"),
    "report.effects_table": lambda w: _call(w.effects, w.folder / "effects.tex"),
    "report.group_table": lambda w: _call(w.by_group, w.folder / "groups.tex"),
    "report.regression_table": lambda w: _call([w.result], w.folder / "regression.tex"),
    "report.robustness_table": lambda w: _call(w.robustness, w.folder / "robust.tex"),
    "report.starter": lambda w: _call(w.table, w.map, folder=w.folder),
    "report.study": lambda w: _call(w.settings, w.folder / "report", progress=False),
    "report.studies": lambda w: _call([w.settings], w.folder / "reports", progress=False),
    "report.tests_table": lambda w: _call(dict(w.partitioned.tests), w.folder / "tests.tex"),
    "report.transition_table": lambda w: _call(w.markov, w.folder / "transitions.tex"),
}  # fmt: skip

METHODS: dict[str, tuple[Callable[[World], Any], Callable[[World], Arguments]]] = {
    "SpatialPanel.label": (lambda w: w.panel, lambda w: _call("x1")),
    "SpatialPanel.wide": (lambda w: w.panel, lambda w: _call("x1")),
    "SpatialPanel.values": (lambda w: w.panel, lambda w: _call("x1")),
    "SpatialPanel.at": (lambda w: w.panel, lambda w: _call(2017)),
    "SpatialPanel.assign": (lambda w: w.panel, lambda w: _call({"x1": "X"}, z=1.0)),
    "SpatialPanel.select": (lambda w: w.panel, lambda w: _call(periods=[2010, 2011])),
    "SpatialPanel.balance": (lambda w: w.panel, lambda w: _call(how="drop-units")),
    "SpatialPanel.period": (lambda w: w.panel, lambda w: _call(2017)),
    "SpatialPanel.require_numeric": (lambda w: w.panel, lambda w: _call(["x1"])),
    "SpatialPanel.numbers_as_text": (lambda w: w.panel, lambda w: _call("x1")),
    "SpatialPanel.require_columns": (lambda w: w.panel, lambda w: _call(["x1"])),
    "SpatialPanel.require_periods": (lambda w: w.panel, lambda w: _call([2010])),
    "SpatialPanel.require_balanced": (lambda w: w.panel, lambda w: _call()),
    "SpatialPanel.require_complete": (lambda w: w.panel, lambda w: _call(["x1"])),
    "SpatialPanel.require_geometry": (lambda w: w.panel, lambda w: _call()),
    "SpatialWeights.standardize": (lambda w: w.weights, lambda w: _call("row")),
    "SpatialWeights.lag": (
        lambda w: w.weights,
        lambda w: _call(pd.Series(range(25), w.ids, dtype=float)),
    ),
    "SpatialWeights.aligned": (lambda w: w.weights, lambda w: _call(w.panel.units)),
    "SpatialWeights.reordered": (lambda w: w.weights, lambda w: _call(w.panel.units)),
    "SpatialWeights.renamed": (lambda w: w.weights, lambda w: _call(w.panel.units)),
    "SpatialWeights.subset": (lambda w: w.weights, lambda w: _call(w.ids)),
    "SpatialWeights.to_W": (lambda w: w.weights, lambda w: _call()),
    "SpatialWeights.write": (lambda w: w.weights, lambda w: _call(w.folder / "w.csv")),
    "SpatialWeights.describe": (lambda w: w.weights, lambda w: _call()),
    "WeightsSpec.describe": (lambda w: w.weights.spec, lambda w: _call()),
    "LocalResult.criterion": (lambda w: w.lisa, lambda w: _call()),
    "MarkovResult.ahead": (lambda w: w.markov, lambda w: _call(2)),
    "ClubsResult.groups": (lambda w: w.clubs, lambda w: _call()),
    "ClubsResult.members": (lambda w: w.clubs, lambda w: _call(1)),
    "BarrierResult.share_interval": (lambda w: w.barrier, lambda w: _call()),
    "BarrierResult.decay": (lambda w: w.barrier, lambda w: _call()),
    "BarrierResult.effects_by_border": (lambda w: w.barrier, lambda w: _call("x1")),
    "EffectsMatrix.matrix": (
        lambda w: w.partitioned.effects_matrix("x1"), lambda w: _call("total"),
    ),
    "GwrResult.wide": (lambda w: w.gwr, lambda w: _call()),
    "MediationResult.wide": (lambda w: w.mediation, lambda w: _call("x2")),
    "NetworkResult.matrix": (lambda w: w.network, lambda w: _call()),
    "NetworkResult.graph": (lambda w: w.network, lambda w: _call()),
    "NetworkResult.as_weights": (lambda w: w.network, lambda w: _call(islands="keep")),
    "QapCorrelationResult.wide": (lambda w: w.qap.correlations, lambda w: _call()),
    "PolicyResult.spatial_model": (lambda w: w.policy, lambda w: _call(model="slx")),
    "ReachResult.conf_int": (lambda w: w.reach, lambda w: _call()),
    "PartitionedResult.effects_matrix": (lambda w: w.partitioned, lambda w: _call("x1")),
    "PartitionedResult.lr_tests": (lambda w: w.partitioned, lambda w: _call()),
    "EffectsResult.at": (lambda w: w.effects, lambda w: _call("static")),
    "EffectsResult.wide": (lambda w: w.effects, lambda w: _call()),
    "LogDet.value": (lambda w: w.logdet, lambda w: _call(0.3)),
    "LogDet.derivative": (lambda w: w.logdet, lambda w: _call(0.3)),
    "LogDet.second_derivative": (lambda w: w.logdet, lambda w: _call(0.3)),
    "LogDet.error": (lambda w: w.logdet, lambda w: _call(0.3)),
    "LogDet.focus": (lambda w: nq.regression.log_determinant(w.weights), lambda w: _call(0.3, 0.1)),
    "RobustnessResult.curve": (lambda w: w.robustness, lambda w: _call("x1", "total")),
    "RobustnessResult.quantity": (lambda w: w.robustness, lambda w: _call("x1", "direct")),
    "Specification.replaced": (lambda w: w.specification, lambda w: _call(note="other")),
    "Specification.with_options": (lambda w: w.specification, lambda w: _call(model="sar")),
    "Specification.with_units": (lambda w: w.specification, lambda w: _call(w.ids[:9])),
    "Specification.fit": (lambda w: w.specification, lambda w: _call()),
    "CoefficientTable.conf_int": (lambda w: w.result, lambda w: _call()),
    "RegressionResult.effects": (lambda w: w.result, lambda w: _call(20)),
    "RegressionResult.unit_effects": (lambda w: w.result, lambda w: _call("x1")),
    "RegressionResult.predict": (lambda w: w.result, lambda w: _call()),
    "EstimatedModel.label": (lambda w: w.result, lambda w: _call("x1")),
    "JournalTable.to_html": (lambda w: nq.report.effects_table(w.effects), lambda w: _call()),
    "JournalTable.to_latex": (lambda w: nq.report.effects_table(w.effects), lambda w: _call()),
    "JournalTable.save": (
        lambda w: nq.report.effects_table(w.effects), lambda w: _call(w.folder / "saved.tex"),
    ),
    "RegressionSpec.describe": (lambda w: w.result.spec, lambda w: _call()),
    "RegressionSpec.covariance_words": (lambda w: w.result.spec, lambda w: _call()),
}  # fmt: skip

TARGETS = {
    **{name: Target(name, base) for name, base in FUNCTIONS.items()},
    **{name: Target(name, base, owner) for name, (owner, base) in METHODS.items()},
}
