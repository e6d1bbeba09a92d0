"""The permitted name that a word stands for, or the one that was probably meant.

Choices are matched without regard to case, hyphens and blanks. Words of other programs are known
by the tables below; they only give advice, because their meaning there may differ.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

__all__ = ["ARGUMENTS", "CHOICES", "folded", "near", "nearest", "same_choice"]

#: Values of options in R, Stata, PySAL and Python packages, and what they are called here.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "fe": ("unit", "two-way"),
    "fixed": ("unit", "two-way"),
    "within": ("unit", "two-way"),
    "individual": ("unit",),
    "entity": ("unit",),
    "ind": ("unit",),
    "time": ("period",),
    "year": ("period",),
    "twoways": ("two-way",),
    "both": ("two-way",),
    "re": ("random",),
    "cre": ("correlated-random",),
    "mundlak": ("correlated-random",),
    "pooled": ("none",),
    "pooling": ("none",),
    "mle": ("ml",),
    "qmle": ("ml",),
    "gmm": ("gs2sls",),
    "gm": ("gs2sls",),
    "2sls": ("gs2sls",),
    "iv": ("gs2sls",),
    "durbin": ("sdm",),
    "slm": ("sar",),
    "lag": ("sar",),
    "lagsarlm": ("sar",),
    "error": ("sem",),
    "sarar": ("sac",),
    "sarma": ("sac",),
    "gnsm": ("gns",),
    "hc0": ("robust",),
    "hc1": ("robust",),
    "hc3": ("robust",),
    "white": ("robust",),
    "oim": ("observed",),
    "dkraay": ("driscoll-kraay",),
    "dk": ("driscoll-kraay",),
    "clustered": ("cluster",),
    "quantile": ("quantiles", "pooled-quantiles"),
    "fisherjenks": ("natural-breaks",),
    "jenks": ("natural-breaks",),
    "naturalbreak": ("natural-breaks",),
    "equalinterval": ("equal-intervals",),
    "greatcircle": ("haversine",),
    "w": ("row",),
    "rowstandardized": ("row",),
    "r": ("row",),
    "chinese": ("zh",),
    "english": ("en",),
}

#: Names of arguments in other programs, and what they are called here.
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "w": ("weights",),
    "wmat": ("weights",),
    "listw": ("weights",),
    "wmatrix": ("weights",),
    "graph": ("weights",),
    "matrix": ("weights",),
    "figsize": ("width", "height"),
    "size": ("width",),
    "data": ("panel", "frame"),
    "df": ("panel", "frame"),
    "gdf": ("panel", "geometry"),
    "y": ("variable", "formula"),
    "x": ("variable", "formula"),
    "column": ("variable",),
    "var": ("variable",),
    "id": ("unit",),
    "ids": ("unit",),
    "entity": ("unit",),
    "time": ("period", "periods"),
    "year": ("period", "periods"),
    "years": ("periods",),
    "type": ("model", "kind"),
    "method": ("model", "estimator"),
    "fe": ("effects",),
    "vce": ("covariance",),
    "vcov": ("covariance",),
    "covtype": ("covariance",),
    "se": ("covariance",),
    "robust": ("covariance",),
    "cutoff": ("cutoff_km",),
    "threshold": ("cutoff_km",),
    "bandwidth": ("bandwidth", "cutoff_km"),
    "dynamic": ("time_lag",),
    "dlag": ("time_lag",),
    "perm": ("permutations",),
    "nperm": ("permutations",),
    "nsim": ("permutations", "draws", "replications"),
    "simulations": ("permutations", "draws", "replications"),
    "nboot": ("replications",),
    "reps": ("replications",),
    "bootstrap": ("replications",),
    "alpha": ("level",),
    "significance": ("level",),
    "ci": ("level",),
    "randomstate": ("seed",),
    "rng": ("seed",),
    "by": ("group",),
    "groups": ("group",),
    "groupby": ("group",),
    "regions": ("group",),
    "k": ("states", "classes", "k"),
    "njobs": ("n_jobs",),
    "cores": ("n_jobs",),
    "verbose": ("progress",),
    "colormap": ("cmap",),
    "colors": ("cmap",),
    "palette": ("cmap",),
    "lang": ("lang",),
    "language": ("lang",),
    "filename": ("path",),
    "file": ("path",),
    "output": ("path",),
    "savepath": ("path",),
    "transform": ("standardize",),
    "style": ("standardize",),
}


def folded(text: str) -> str:
    """Return the letters and digits of a name in lower case.

    Examples
    --------
    >>> folded("Two-Way"), folded("two way")
    ('twoway', 'twoway')
    """
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def same_choice(value: str, names: Iterable[str]) -> str | None:
    """Return the one name that differs from a value at most in case, hyphens and blanks.

    Examples
    --------
    >>> same_choice("SDM", ["sar", "sdm"]), same_choice("Two Way", ["two-way"])
    ('sdm', 'two-way')
    >>> same_choice("sd", ["sar", "sdm"]) is None
    True
    """
    wanted = folded(value)
    same = [name for name in names if wanted and folded(name) == wanted]
    return same[0] if len(same) == 1 else None


def nearest(
    value: object, names: Iterable[str], words: Mapping[str, tuple[str, ...]] = CHOICES
) -> tuple[str, ...]:
    """Return the names that were probably meant, the most likely first.

    Parameters
    ----------
    value : object
    names : iterable of str
        What is permitted.
    words : mapping
        What the names are called elsewhere.

    Examples
    --------
    >>> nearest("fe", ["none", "unit", "two-way"])
    ('unit', 'two-way')
    """
    if not isinstance(value, str):
        return ()
    known = {folded(name): name for name in names}
    word = folded(value)
    if word in known:
        return (known[word],)
    usual = tuple(name for name in words.get(word, ()) if name in known.values())
    if usual:
        return usual
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return tuple(known[name] for name in close)


def near(
    value: object, names: Iterable[str], words: Mapping[str, tuple[str, ...]] = CHOICES
) -> str:
    """Return a question for the known name that is nearest to a value, or nothing.

    Examples
    --------
    >>> near("twoway", ["two-way", "unit"])
    "did you mean 'two-way'?"
    >>> near("figsize", ["panel", "width", "height"], ARGUMENTS)
    "did you mean 'width' or 'height'?"
    """
    meant = nearest(value, names, words)
    return f"did you mean {' or '.join(map(repr, meant))}?" if meant else ""
