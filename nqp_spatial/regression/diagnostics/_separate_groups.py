"""Each group of units on its own, with the weights among its units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, wald_test
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import NqpError
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["separate_models", "separate_test", "weights_among"]


def weights_among(w: SpatialWeights, units: pd.Index, *, again: bool) -> SpatialWeights:
    """Return the weights among some units, standardised again or with their values."""
    if again:
        return w.subset(units)
    as_they_are = replace(w.spec, standardization="none")
    return SpatialWeights(as_they_are, w.units, w.sparse, w.sparse).subset(units)


def separate_models(
    formula: str,
    panel: SpatialPanel,
    w: SpatialWeights | None,
    groups: Groups,
    restandardize: bool,
    options: Mapping[str, Any],
) -> tuple[dict[str, RegressionResult], list[Message]]:
    """Return the model of each group by itself, and why some have none."""
    models: dict[str, RegressionResult] = {}
    reasons: list[Message] = []
    for code, name in enumerate(groups.names):
        units = panel.units[groups.codes == code]
        try:
            part = None if w is None else weights_among(w, units, again=restandardize)
            models[name] = fit(formula, panel.select(units=units), part, **options)
        except NqpError as error:
            reasons.append(
                t("{model} could not be fitted: {reason}", model=name, reason=str(error))
            )
    return models, reasons


def separate_test(
    models: Mapping[str, RegressionResult], names: list[str]
) -> HypothesisTest | NotApplicable:
    """Return the Wald test that separate models have the same parameters."""
    words = t("Wald: separate models")
    null = t("all parameters are equal in all groups")
    if len(models) < len(names):
        return NotApplicable(words, null, t("a group has no model of its own"))
    indexes = [model.params.index for model in models.values()]
    shared = [key for key in indexes[0] if all(key in index for index in indexes)]
    shared = [key for key in shared if key != ("x", "Intercept")]
    size, blocks = len(shared), len(models)
    values = np.concatenate([model.params[shared].to_numpy() for model in models.values()])
    cov = np.zeros((size * blocks, size * blocks))
    for place, model in enumerate(models.values()):
        part = slice(place * size, (place + 1) * size)
        cov[part, part] = model.cov.loc[shared, shared].to_numpy()
    slopes = np.kron(np.hstack([-np.ones((blocks - 1, 1)), np.eye(blocks - 1)]), np.eye(size))
    rule = t("groups are independent samples")
    return wald_test(words, null, slopes @ values, slopes, cov, rule)
