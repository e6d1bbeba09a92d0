"""Keys of a settings file that are valid alone but not in combination."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nqp_spatial.core.shipped_maps import SHIPPED_MAPS
from nqp_spatial.io import is_map_name

__all__ = ["faults_of_combinations"]


def faults_of_combinations(config: Any) -> list[str]:
    """Return what is wrong with keys of a `StudyConfig` that are each valid alone."""
    return [
        *_faults_of_weights(config),
        *_faults_of_files(config),
        *_faults_of_names(config),
        *_faults_of_methods(config),
    ]


def _faults_of_weights(config: Any) -> list[str]:
    weights, faults = config.weights, []
    if weights.kind == "file" and not weights.path:
        faults.append('[weights] kind = "file" needs path')
    if weights.kind == "distance-band" and weights.cutoff_km is None:
        faults.append('[weights] kind = "distance-band" needs cutoff_km')
    if weights.islands == "nearest" and weights.kind not in ("queen", "rook"):
        faults.append(
            f'[weights] islands = "nearest" is for queen and rook; with kind = "{weights.kind}" '
            'write "error" or "keep"'
        )
    if weights.kind != "file" and not config.data.geometry:
        faults.append(
            f'[weights] kind = "{weights.kind}" needs [data] geometry: the file of a map, '
            f"or one of the package, {_maps()}; or give weights as a file"
        )
    return faults


def _faults_of_files(config: Any) -> list[str]:
    data, faults = config.data, []
    ending = Path(data.panel).suffix.lower()
    if data.sheet_name is not None and ending not in (".xlsx", ".xls"):
        faults.append(f"[data] sheet_name is for workbooks, {data.panel!r} is none: leave it out")
    if data.footer_rows is not None and ending not in (".xlsx", ".xls"):
        faults.append(f"[data] footer_rows is for workbooks, {data.panel!r} is none: leave it out")
    if data.header_row is not None and ending not in (".xlsx", ".xls", ".csv"):
        faults.append(
            f"[data] header_row is for workbooks and csv, {data.panel!r} is neither: leave it out"
        )
    if data.encoding is not None and ending != ".csv":
        faults.append(f"[data] encoding is for a csv, {data.panel!r} is none: leave it out")
    if data.geometry and not data.on_shipped_map and is_map_name(data.geometry):
        faults.append(
            f"[data] geometry = {data.geometry!r} is no map: name a file with its ending, or a map "
            f"of the package, {_maps()}"
        )
    if data.on_shipped_map:
        faults += [
            f"[data] {key} is for the file of a map; units are found on {data.geometry} by names "
            "or codes: leave it out"
            for key in ("geometry_unit", "geometry_encoding")
            if getattr(data, key)
        ]
    if data.aliases and not data.geometry:
        faults.append("[data.aliases] are names on a map, and [data] geometry names none")
    return faults


def _maps() -> str:
    return " or ".join(f'geometry = "{name}" ({units})' for name, units in SHIPPED_MAPS.items())


def _faults_of_names(config: Any) -> list[str]:
    data, groups, index, faults = config.data, config.groups, config.index, []
    if config.outcome.variable is None and not index.indicators:
        faults.append("name the column studied, [outcome] variable, or [index.indicators]")
    if data.unit == data.period:
        faults.append(f"[data] unit and period are the same column, {data.unit!r}")
    if groups.province and not groups.region:
        faults.append("[groups] province needs region, in which provinces are nested")
    if groups.province and groups.province == groups.region:
        faults.append(f"[groups] province and region are the same column, {groups.region!r}")
    if index.name in ("self", "labels", data.unit, data.period):
        faults.append(f"[index] name cannot be {index.name!r}: choose another")
    if index.indicators and index.name in {f"log_{name}" for name in data.logs}:
        faults.append(f"[index] name is that of a column of [data] logs, {index.name!r}")
    return faults


def _faults_of_methods(config: Any) -> list[str]:
    drivers, mediation, faults = config.drivers, config.mediation, []
    outcome = config.outcome_name
    if config.lisa.bivariate == outcome:
        faults.append(f"[lisa] bivariate is the outcome, {outcome!r}: name another column")
    if drivers and outcome in drivers.factors:
        faults.append(f"[drivers] factors has the outcome, {outcome!r}: leave it out")
    if mediation and not (mediation.outcome or config.model.formula):
        faults.append("[mediation] needs outcome, or [model] formula")
    faults += [
        f"[{name}] needs [model] formula"
        for name in ("robustness", "heterogeneity")
        if name in config.methods and not config.model.formula
    ]
    if config.network and "network" in config.network.differences:
        faults.append("[network] differences cannot have a column of the name network: rename it")
    if config.network and not config.data.geometry:
        faults.append("[network] needs [data] geometry, from which distances come")
    groups = config.heterogeneity
    if groups and not (groups.by or groups.threshold):
        faults.append("[heterogeneity] needs by, threshold, or both")
    if config.robustness and config.robustness.weights and not config.data.geometry:
        faults.append("[robustness] weights needs [data] geometry")
    if config.policy and config.policy.rings_km and not config.data.geometry:
        faults.append("[policy] rings_km needs [data] geometry")
    return faults
