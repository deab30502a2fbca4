"""Paths as Envoy compares them. It normalises what clients send (RFC 3986), so what rules say goes the same way."""

import re
from string import ascii_letters, digits
from urllib.parse import quote

from operators.ir.routes import ExactPath, PathMatch, PrefixPath, RegexPath, ReplacePath, ReplacePrefix

_UNRESERVED = frozenset(ascii_letters + digits + "-._~")
_KEPT = "%/:@!$&'()*+,;=~[]"  # what Envoy does not encode, besides letters and digits
_ENCODED = re.compile("%([0-9A-Fa-f]{2})")

Fields = dict[str, object]


def normalised(path: str) -> str:
    """`/café` arrives as `/caf%C3%A9`, `/%7Euser` as `/~user`."""
    return _ENCODED.sub(_decoded_if_unreserved, quote(path, safe=_KEPT))


def _decoded_if_unreserved(encoded: re.Match[str]) -> str:
    character = chr(int(encoded[1], 16))
    return character if character in _UNRESERVED else encoded[0].upper()


def path_match(path: PathMatch) -> Fields:
    """Envoy leaves the query out of the comparison, and takes a separated prefix by segments, but never `/`."""
    match path:
        case ExactPath(value):
            return {"path": normalised(value)}
        case RegexPath(value):
            return {"safe_regex": {"regex": value}}
        case PrefixPath("/"):
            return {"prefix": "/"}
        case PrefixPath(value):
            return {"path_separated_prefix": normalised(value)}


def path_rewrite(change: ReplacePrefix | ReplacePath | None, matched: PathMatch) -> Fields:
    """Fields that `RouteAction` and `RedirectAction` share; the query stays."""
    match change:
        case None:
            return {}
        case ReplacePath(value):
            return _regex_rewrite("^.*$", normalised(value))
        case ReplacePrefix(value):
            return _prefix_rewrite(matched.value if isinstance(matched, PrefixPath) else "/", normalised(value))


def _prefix_rewrite(matched: str, value: str) -> Fields:
    """Envoy replaces text, we replace segments: neither `//` nor a lost slash where one of the two is `/`."""
    value = value.rstrip("/")
    if matched == "/":
        return {"prefix_rewrite": f"{value}/"}
    if not value:
        return _regex_rewrite(f"^{re.escape(normalised(matched))}/*", "/")
    return {"prefix_rewrite": value}


def _regex_rewrite(pattern: str, value: str) -> Fields:
    """`value` is normalised, so there is no backslash in it that would refer to a group."""
    return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": value}}
