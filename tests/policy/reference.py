"""NetworkPolicy a second time, as naively as Kubernetes' documentation says it, over the objects as they are written.

https://kubernetes.io/docs/concepts/services-networking/network-policies/ and the fields' own descriptions. Nothing of
`crds` or `operators` is used, so that a mistake there is not made twice.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """One end: a pod (its object), a node (its name), or neither; and its address."""

    address: str
    pod: Object | None = None
    node: str | None = None


def allowed(
    policies: list[Object], namespaces: dict[str, Object], source: Place, destination: Place, protocol: str, port: int
) -> bool:
    """Both the egress of the source and the ingress of the destination must allow it."""
    if source.address == destination.address:  # "a pod cannot block access to itself"
        return True
    out = passes("Egress", policies, namespaces, source, destination, destination, protocol, port)
    into = passes("Ingress", policies, namespaces, destination, source, destination, protocol, port)
    return out and into


def passes(policy_type, policies, namespaces, subject, peer, destination, protocol, port) -> bool:
    if subject.pod is None or subject.pod["spec"].get("hostNetwork"):
        return True
    if peer.node is not None and peer.node == subject.pod["spec"]["nodeName"]:
        return True  # "traffic to and from the node where a Pod is running is always allowed"
    isolating = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == subject.pod["metadata"]["namespace"]
        and selects(policy["spec"]["podSelector"], subject.pod["metadata"].get("labels", {}))
        and policy_type in types(policy["spec"])
    ]
    if not isolating:  # "by default, a pod is non-isolated"
        return True
    for policy in isolating:
        for rule in policy["spec"].get(policy_type.lower(), []):
            if peer_matches(policy, policy_type, rule, namespaces, peer) and port_matches(
                rule, destination, protocol, port
            ):
                return True
    return False


def types(spec: Object) -> list[str]:
    """ "If no policyTypes are specified then by default Ingress will always be set and Egress will be set if the
    NetworkPolicy has any egress rules." """
    if spec.get("policyTypes"):
        return spec["policyTypes"]
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def selects(selector: Object, labels: dict[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions", []):
        key, operator = expression["key"], expression["operator"]
        if operator == "In" and (key not in labels or labels[key] not in expression["values"]):
            return False
        if operator == "NotIn" and key in labels and labels[key] in expression["values"]:
            return False
        if operator == "Exists" and key not in labels:
            return False
        if operator == "DoesNotExist" and key in labels:
            return False
    return True


def peer_matches(policy, policy_type, rule, namespaces, peer) -> bool:
    """ "If this field is empty or missing, this rule matches all sources." """
    peers = rule.get("from" if policy_type == "Ingress" else "to")
    if not peers:
        return True
    for one in peers:
        if "ipBlock" in one:
            inside = within(peer.address, one["ipBlock"]["cidr"])
            if inside and not any(within(peer.address, cidr) for cidr in one["ipBlock"].get("except", [])):
                return True
            continue
        if peer.pod is None or peer.pod["spec"].get("hostNetwork"):
            continue
        labels, namespace = peer.pod["metadata"].get("labels", {}), peer.pod["metadata"]["namespace"]
        if "namespaceSelector" in one:
            of_namespace = namespaces[namespace]["metadata"].get("labels", {})
            there = selects(one["namespaceSelector"], of_namespace | {"kubernetes.io/metadata.name": namespace})
        else:
            there = namespace == policy["metadata"]["namespace"]
        if there and selects(one.get("podSelector", {}), labels):
            return True
    return False


def within(address: str, cidr: str) -> bool:
    return ip_address(address) in ip_network(cidr, strict=False)


def port_matches(rule, destination, protocol, port) -> bool:
    """ "If this field is empty or missing, this rule matches all ports." """
    ports = rule.get("ports")
    if not ports:
        return True
    for one in ports:
        if one.get("protocol", "TCP") != protocol:
            continue
        if "port" not in one:
            return True
        if isinstance(one["port"], str):
            if destination.pod is None or destination.pod["spec"].get("hostNetwork"):
                continue
            for container_port in destination.pod["spec"].get("ports", []):
                if (
                    container_port["name"] == one["port"]
                    and container_port.get("protocol", "TCP") == protocol
                    and container_port["containerPort"] == port
                ):
                    return True
        elif one["port"] <= port <= one.get("endPort", one["port"]):
            return True
    return False
