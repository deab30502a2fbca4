"""A path and its type → what is matched."""

import re

from operators.ingress import regexes
from operators.ir.problems import Report
from operators.ir.routes import ExactPath, PathMatch, PrefixPath, RegexPath

ROOT = PrefixPath("/")
LOOKS_LIKE_REGEX = re.compile(r"[\\()\[\]|^$]|\.\*")
NOT_IN_A_PATH = re.compile(r"[\x00-\x20\x7f?#]")


def path_match(path: str | None, path_type: str, field: str, report: Report, *, regex: bool) -> PathMatch | None:
    """None (and a problem) for a path that cannot be served. `regex`: what ImplementationSpecific means for this kind."""
    value = path or "/"
    if path_type == "ImplementationSpecific" and regex:
        return _expression(value, field, report)
    if fault := _fault(value):
        report.invalid(f"{field}.path", f"the path {value!r} {fault}")
        return None
    match path_type:
        case "Exact":
            return ExactPath(value)
        case "Prefix":
            return prefix(value)
        case "ImplementationSpecific":
            _warn_of_regex(value, field, report)
            return prefix(value)
    report.unsupported(f"{field}.pathType", f"{path_type!r} is not one of Exact, Prefix, ImplementationSpecific")
    return None


def prefix(value: str) -> PrefixPath:
    """`/foo/` and `/foo` are the same prefix: both match by segments."""
    return PrefixPath(value.rstrip("/") or "/")


def _fault(value: str) -> str | None:
    if not value.startswith("/"):
        return "must begin with /"
    if NOT_IN_A_PATH.search(value):
        return "holds a character that no path has (space, ? or #)"
    return None


def _expression(value: str, field: str, report: Report) -> RegexPath | None:
    if fault := regexes.fault(value):
        report.invalid(f"{field}.path", f"the path {value!r} {fault}")
        return None
    return RegexPath(value)


def _warn_of_regex(value: str, field: str, report: Report) -> None:
    """Other controllers read these as expressions: say so instead of never matching in silence."""
    if LOOKS_LIKE_REGEX.search(value):
        report.unsupported(
            f"{field}.path",
            f"the path {value!r} is served as the Prefix that it spells; regular expressions need a CiliumIngress",
        )
