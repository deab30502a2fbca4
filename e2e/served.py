"""When an object is served, by its own word."""

from e2e.objects import Object, conditions


def served(found: Object) -> bool:
    """By every proxy, in its present generation, at an address."""
    programmed = conditions(found).get("Programmed", {})
    current = programmed.get("observedGeneration") == found.get("metadata", {}).get("generation")
    return current and programmed.get("status") == "True" and bool(address_of(found))


def address_of(found: Object) -> str:
    """Where clients reach it; empty: nowhere yet."""
    listed = found.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    return str(listed[0].get("ip", ""))
