"""What a node does with a Service, asked one endpoint and one client at a time: slow and without tables, to hold the selection to.

Written from the documentation of Service, EndpointSlice and the KEPs 1669, 2433 and 4444, on the objects as they come from the API.
"""

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]
Answer = frozenset[str] | str


class Endpoint:
    """One address and number, as the slices describe it."""

    def __init__(self, service: Object, endpoint: Object, number: int) -> None:
        conditions, hints = endpoint.get("conditions", {}), endpoint.get("hints", {})
        address = endpoint["addresses"][0]
        self.at = f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
        self.listed_ready = conditions.get("ready") is not False
        self.ready = self.listed_ready or service["spec"]["publishNotReadyAddresses"]
        self.serving = conditions.get("serving") is not False
        self.terminating = conditions.get("terminating") is True
        self.node = endpoint.get("nodeName")
        self.zones = {hint["name"] for hint in hints.get("forZones", ())}
        self.nodes = {hint["name"] for hint in hints.get("forNodes", ())}

    @property
    def last_resort(self) -> bool:
        return not self.ready and self.serving and self.terminating


def endpoints(service: Object, port: Object, family: str, slices: list[Object]) -> list[Endpoint]:
    best: dict[str, Endpoint] = {}
    for one in sorted(slices, key=lambda one: one["metadata"]["name"]):
        if one["metadata"]["labels"]["kubernetes.io/service-name"] != service["metadata"]["name"]:
            continue
        for listed in one["ports"] if one["addressType"] == family else ():
            if (listed["name"], listed["protocol"]) != (port["name"], port["protocol"]):
                continue
            for raw in one["endpoints"]:
                found = Endpoint(service, raw, listed["port"])
                known = best.setdefault(found.at, found)
                if _better(found, known):
                    best[found.at] = found
    return list(best.values())


def _better(one: Endpoint, other: Endpoint) -> bool:
    if one.terminating != other.terminating:
        return other.terminating
    if one.listed_ready != other.listed_ready:
        return one.listed_ready
    return one.serving and not other.serving


def cluster(all_of_them: list[Endpoint], node: str, zone: str) -> set[str]:
    ready = [one for one in all_of_them if one.ready]
    if not ready:
        return {one.at for one in all_of_them if one.last_resort}
    for wanted, hints in ((node, [one.nodes for one in ready]), (zone, [one.zones for one in ready])):
        if all(hints) and any(wanted in names for names in hints):
            return {one.at for one, names in zip(ready, hints, strict=True) if wanted in names}
    return {one.at for one in ready}


def local(all_of_them: list[Endpoint], node: str) -> set[str]:
    mine = [one for one in all_of_them if one.node == node]
    return {one.at for one in mine if one.ready} or {one.at for one in mine if one.last_resort}


def answers(
    service: Object, slices: list[Object], node: str, zone: str
) -> dict[tuple[int, str, str], dict[str, Answer]]:
    """By port, protocol and family: what clients meet at a cluster address, and at external ones from inside and outside."""
    spec = service["spec"]
    found = {}
    for port in spec["ports"]:
        for family in families(service):
            known = endpoints(service, port, family, slices)
            anywhere = any(one.ready or one.last_resort for one in known)
            everyone, own = frozenset(cluster(known, node, zone)), frozenset(local(known, node))
            internal: Answer = everyone if spec["internalTrafficPolicy"] == "Cluster" else own
            external: Answer = everyone if spec["externalTrafficPolicy"] == "Cluster" else own
            found[port["port"], port["protocol"], family] = {
                "cluster": internal or "refuse",
                "inside": everyone or "refuse",
                "outside": external or ("drop" if anywhere else "refuse"),
            }
    return found


def families(service: Object) -> Iterator[str]:
    if (
        service["spec"]["type"] == "ExternalName"
        or "service.kubernetes.io/service-proxy-name" in service["metadata"]["labels"]
    ):
        return
    for address in service["spec"]["clusterIPs"]:
        if address != "None":
            yield "IPv6" if ":" in address else "IPv4"


def local_pods(service: Object, slices: list[Object], node: str, family: str) -> int:
    """Ready pods of a node, whatever port they have."""
    ready = {
        one.at.rpartition(":")[0]
        for port in service["spec"]["ports"]
        for one in endpoints(service, port, family, slices)
        if one.node == node and one.ready
    }
    return len(ready)
