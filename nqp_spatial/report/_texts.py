"""Texts that stay text: what a user calls things is never taken for a command of the file's format.

A table's words are plain Unicode in every format. Only here do they become LaTeX: each letter that
TeX would obey is written so that it prints, and Greek letters, signs and raised digits become
mathematics, whoever wrote them. No text is ever searched for mathematics of its own, so that a
price in dollars cannot be mistaken for it.
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
# What XML 1.0 has no place for (and what no reader can see): controls, halves of pairs, U+FFFE.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str) -> str:
    r"""Return text whose control characters are written out, for XML and TeX allow none.

    Parameters
    ----------
    text : str
        Line breaks and tabs stay.

    Examples
    --------
    >>> visible("a\x1b[1mb")
    'a\\x1b[1mb'
    """
    return _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], text)


def tex(text: str) -> str:
    r"""Return LaTeX that prints the text, whatever is in it.

    Parameters
    ----------
    text : str
        Line breaks stay; empty lines, which would end a paragraph, go.

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
    # After a line break a star would belong to the break.
    return "{*}" + written[1:] if written.startswith("*") else written


def starts_formula(text: str) -> bool:
    """Return whether a spreadsheet would take a text for a formula or a command.

    Examples
    --------
    >>> starts_formula("=1+1"), starts_formula("GDP")
    (True, False)
    """
    return text.startswith(_FORMULA)
