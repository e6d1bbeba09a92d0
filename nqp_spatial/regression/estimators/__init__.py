"""The estimators; each takes the model's data and returns one `Estimated`."""

from nqp_spatial.regression.estimators.adjusted_score import fit_adjusted_score
from nqp_spatial.regression.estimators.error_components import fit_error_components
from nqp_spatial.regression.estimators.estimated import Estimated
from nqp_spatial.regression.estimators.gs2sls import fit_gs2sls
from nqp_spatial.regression.estimators.ml import fit_ml, profile_loglik
from nqp_spatial.regression.estimators.ols import fit_ols
from nqp_spatial.regression.estimators.short_panel import fit_short_panel

__all__ = [
    "Estimated",
    "fit_adjusted_score",
    "fit_error_components",
    "fit_gs2sls",
    "fit_ml",
    "fit_ols",
    "fit_short_panel",
    "profile_loglik",
]
