"""Host names as rules and TLS entries write them."""

import re

from operators.ir.routes import ANY_HOST

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
WILDCARD = "*."
ADDRESS = re.compile(r"[0-9.]+")


def normalise(host: str | None) -> str:
    """Lower case; no host is any host."""
    return host.lower() if host else ANY_HOST


def fault(host: str) -> str | None:
    """What is wrong with a normalised host, as the end of a sentence."""
    if host == ANY_HOST:
        return None
    name = host.removeprefix(WILDCARD)
    if "*" in name:
        return "may have a wildcard as its whole first label only, as in *.example.com"
    if ":" in name:
        return "is a name without port; addresses are not allowed"
    if ADDRESS.fullmatch(name):
        return "must be a name, not an address"
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in name.split(".")):
        return "is not a DNS name"
    return None


def wildcard_of(host: str) -> str | None:
    """The wildcard that matches `host` if it is an exact name of two labels or more."""
    if host == ANY_HOST or host.startswith(WILDCARD):
        return None
    _, dot, parent = host.partition(".")
    return f"*.{parent}" if dot else None


def covers(pattern: str, host: str) -> bool:
    """Whether all names that `host` stands for are matched by `pattern` (a rule's host or a certificate's name)."""
    return pattern in {ANY_HOST, host, wildcard_of(host)}
