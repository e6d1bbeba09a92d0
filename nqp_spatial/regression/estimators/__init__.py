"""The estimators; each takes the model's data and returns one `Estimated`."""

from nqp_spatial.regression.estimators.error_components import fit_error_components
from nqp_spatial.regression.estimators.estimated import Estimated
from nqp_spatial.regression.estimators.gs2sls import fit_gs2sls
from nqp_spatial.regression.estimators.ml import fit_ml, profile_loglik
from nqp_spatial.regression.estimators.ols import fit_ols

__all__ = ["Estimated", "fit_error_components", "fit_gs2sls", "fit_ml", "fit_ols", "profile_loglik"]
