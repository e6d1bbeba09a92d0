"""What random effects and serial correlation of the errors require."""

from __future__ import annotations

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.errors import OptionError
from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["check_error_components"]


def check_error_components(spec: RegressionSpec, estimator: str, panel: SpatialPanel) -> None:
    """Raise `OptionError` for errors that are not offered in this model."""
    if not spec.has_error_components:
        return
    option = "serial=True" if spec.serial else "random_errors='bsk'"
    if estimator not in ("auto", "ml"):
        raise OptionError(f"{option} is estimated by likelihood: use estimator='ml'")
    if spec.covariance != "observed":
        raise OptionError(f"{option} has covariance='observed' only, not {spec.covariance!r}")
    if not spec.serial:
        return
    if spec.effects not in ("none", "random", "correlated-random"):
        raise OptionError(
            "serial=True needs effects='none', 'random' or 'correlated-random': removing fixed "
            f"effects mixes the errors of all periods, so it is not offered for {spec.effects!r}"
        )
    if spec.is_dynamic:
        raise OptionError("serial=True is not offered for dynamic models: they model the past")
    least = 3 if spec.has_phi else 2
    if panel.n_periods < least:
        raise OptionError(
            f"serial=True with effects={spec.effects!r} needs {least} periods or more, this panel "
            f"has {panel.n_periods}"
        )
    require_even_steps(panel.periods, "serial=True")
