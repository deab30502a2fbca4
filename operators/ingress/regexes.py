"""Whether RE2 will take an expression, as far as Python can tell; what slips through is Envoy's to refuse (and is shown)."""

import re
import warnings

# What Python's expressions have and RE2's do not.
NOT_RE2 = (
    (re.compile(r"(?<!\\)\(\?(=|!|<=|<!)"), "lookaround"),
    (re.compile(r"(?<!\\)(\\\\)*\\[1-9]"), "a back reference"),
    (re.compile(r"(?<!\\)\(\?P="), "a back reference"),
    (re.compile(r"(?<!\\)\(\?>"), "an atomic group"),
    (re.compile(r"(?<!\\)\(\?\("), "a conditional"),
    (re.compile(r"(?<!\\)\(\?#"), "a comment"),
    (re.compile(r"(?<![\\*+?}(|^])[*+?}]\+"), "a possessive quantifier"),
)
# What RE2's expressions have and Python's do not, and what stands for it while Python looks.
NOT_PYTHON = (
    (re.compile(r"\\[pP](\{\^?\w+\}|\w)"), r"\\w"),
    (re.compile(r"\[:\^?\w+:\]"), r"\\w"),
    (re.compile(r"\\z"), r"\\Z"),
    (re.compile(r"\\C"), "."),
    (re.compile(r"\(\?<(?=[A-Za-z_])"), "(?P<"),
    (re.compile(r"\(\?[imsU]*-?[imsU]*\)"), ""),
    (re.compile(r"\(\?[imsU]*-?[imsU]*:"), "(?:"),
)


def fault(expression: str) -> str | None:
    """Why RE2 would refuse `expression`, as the end of a sentence."""
    for pattern, name in NOT_RE2:
        if pattern.search(expression):
            return f"uses {name}, which RE2 does not have"
    for pattern, stand_in in NOT_PYTHON:
        expression = pattern.sub(stand_in, expression)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is not a regular expression: {error}"
    return None
