"""The names of the mesh's components, as URIs in their certificates."""

AGENT = "tulle-agent"
CONTROLLER = "tulle-controller"


def service_account_id(trust_domain: str, namespace: str, name: str) -> str:
    return f"spiffe://{trust_domain}/ns/{namespace}/sa/{name}"


def controller_id(trust_domain: str, namespace: str) -> str:
    return service_account_id(trust_domain, namespace, CONTROLLER)


def agent_id(trust_domain: str, namespace: str, node: str) -> str:
    """The agent of a node and the node's Envoy have the same identity: they are told the same secrets."""
    return f"{service_account_id(trust_domain, namespace, AGENT)}/node/{node}"
