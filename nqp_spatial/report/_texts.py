"""Escaping of text: a user's names are never interpreted as commands of the file format.

A table's words are plain Unicode in every format. Only here do they become LaTeX: each special
character of TeX is escaped, and Greek letters, signs and superscript digits become mathematics, in
texts of users and of the package alike. Text is never searched for mathematics, so that a price in
dollars cannot be mistaken for a formula.
"""

from __future__ import annotations

import re

__all__ = ["starts_formula", "tex", "visible"]

_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}", "&": r"\&", "$": r"\$", "%": r"\%", "#": r"\#", "_": r"\_",
    "<": "$<$", ">": "$>$", "|": "$|$",
    # Active in some languages of babel; no ligatures; no optional argument of a line break.
    '"': r"{\char34}", "`": r"{\char96}", "[": "{[}", "]": "{]}",
    "×": r"$\times$", "±": r"$\pm$", "°": r"$^\circ$", "≤": r"$\leq$", "≥": r"$\geq$",
    "≠": r"$\neq$", "−": "$-$", "²": "$^2$", "³": "$^3$", "R²": "$R^2$", "σ²": r"$\sigma^2$",
    "→": r"$\rightarrow$", "∞": r"$\infty$", "√": r"$\surd$",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "varphi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta",
    "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_TEX |= {letter: f"$\\{name}$" for letter, name in _GREEK.items()}
_SPECIAL = re.compile("|".join(re.escape(key) for key in sorted(_TEX, key=len, reverse=True)))
# Characters that XML 1.0 does not allow (and that are invisible): controls, surrogates, U+FFFE.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str) -> str:
    r"""Return text with control characters written out, because XML and TeX do not allow them.

    Parameters
    ----------
    text : str
        Line breaks and tabs are kept.

    Examples
    --------
    >>> visible("a\x1b[1mb")
    'a\\x1b[1mb'
    """
    return _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], text)


def tex(text: str) -> str:
    r"""Return LaTeX that prints the text, with any characters.

    Parameters
    ----------
    text : str
        Line breaks are kept; empty lines, which would end a paragraph, are removed.

    Examples
    --------
    >>> print(tex(r"R&D in US$ _5_, C:\data, ρ"))
    R\&D in US\$ \_5\_, C:\textbackslash{}data, $\rho$
    """
    lines = re.split(r"[\r\n\x85\u2028\u2029]+", visible(text.replace("\t", " ")).strip("\r\n"))
    return "\n".join(_line(line) for line in lines)


def _line(line: str) -> str:
    written = _SPECIAL.sub(lambda match: _TEX[match[0]], line)
    written = re.sub("-(?=-)", "-{}", written)  # two hyphens would become a dash
    # A star after a line break would be read as part of the command.
    return "{*}" + written[1:] if written.startswith("*") else written


def starts_formula(text: str) -> bool:
    """Return whether a spreadsheet would interpret a text as a formula or a command.

    Examples
    --------
    >>> starts_formula("=1+1"), starts_formula("GDP")
    (True, False)
    """
    return text.startswith(_FORMULA)
