"""Random policies, pods and packets from a world so small that they meet."""

from typing import Any

from hypothesis import strategies as st

Object = dict[str, Any]

NAMESPACES = ("a", "b")
NODES = {"n1": "192.168.0.1", "n2": "192.168.0.2"}
KEYS, VALUES = ("k", "l"), ("x", "y")
PORT_NAMES = ("web", "dns")
NUMBERS = (1, 2, 3, 4)
PROTOCOLS = ("TCP", "UDP", "SCTP")
OUTSIDE = ("10.0.0.200", "203.0.113.7", "203.0.113.9", "2001:db8::1")
CIDRS = ("0.0.0.0/0", "10.0.0.0/30", "10.0.0.2/31", "203.0.113.0/24", "203.0.113.7/32", "192.168.0.0/16", "::/0")


def several(one: st.SearchStrategy[Any], least: int = 0, most: int = 2) -> st.SearchStrategy[list[Any]]:
    return st.lists(one, min_size=least, max_size=most)


LABELS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
EXPRESSIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(KEYS),
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": several(st.sampled_from(VALUES), least=1),
        }
    ),
    st.fixed_dictionaries({"key": st.sampled_from(KEYS), "operator": st.sampled_from(["Exists", "DoesNotExist"])}),
)
SELECTORS = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"matchLabels": LABELS}),
    st.fixed_dictionaries({}, optional={"matchLabels": LABELS, "matchExpressions": several(EXPRESSIONS)}),
)
BLOCKS = st.fixed_dictionaries(
    {"cidr": st.sampled_from(CIDRS)}, optional={"except": several(st.sampled_from(CIDRS[1:6]))}
)
PEERS = st.one_of(
    st.fixed_dictionaries({"podSelector": SELECTORS}, optional={"namespaceSelector": SELECTORS}),
    st.fixed_dictionaries({"namespaceSelector": SELECTORS}),
    st.fixed_dictionaries({"ipBlock": BLOCKS}),
)
PORTS = st.one_of(
    st.fixed_dictionaries({}, optional={"protocol": st.sampled_from(PROTOCOLS)}),
    st.fixed_dictionaries(
        {"port": st.sampled_from([*NUMBERS, *PORT_NAMES])}, optional={"protocol": st.sampled_from(PROTOCOLS)}
    ),
    st.fixed_dictionaries({"port": st.sampled_from(NUMBERS[:3]), "endPort": st.sampled_from(NUMBERS[2:])}),
)


def rules(peers: str) -> st.SearchStrategy[list[Object]]:
    return several(st.fixed_dictionaries({}, optional={peers: several(PEERS), "ports": several(PORTS)}))


NETWORK_POLICIES = st.fixed_dictionaries(
    {
        "kind": st.just("NetworkPolicy"),
        "metadata": st.fixed_dictionaries(
            {"name": st.sampled_from(["p", "q", "r"]), "namespace": st.sampled_from(NAMESPACES)}
        ),
        "spec": st.fixed_dictionaries(
            {"podSelector": SELECTORS},
            optional={
                "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"], []]),
                "ingress": rules("from"),
                "egress": rules("to"),
            },
        ),
    }
)


@st.composite
def clusters(draw: st.DrawFn) -> list[Object]:
    """Two namespaces, two nodes and four pods, of which one may be on its node's network."""
    spaces = [{"kind": "Namespace", "metadata": {"name": name, "labels": draw(LABELS)}} for name in NAMESPACES]
    nodes = [{"kind": "Node", "metadata": {"name": name}, "address": address} for name, address in NODES.items()]
    return [*spaces, *nodes, *(draw(pods(number)) for number in range(1, 5))]


@st.composite
def pods(draw: st.DrawFn, number: int) -> Object:
    ports = st.fixed_dictionaries(
        {"name": st.sampled_from(PORT_NAMES), "containerPort": st.sampled_from(NUMBERS)},
        optional={"protocol": st.sampled_from(PROTOCOLS)},
    )
    spec: Object = {
        "nodeName": draw(st.sampled_from(sorted(NODES))),
        "serviceAccountName": draw(st.sampled_from(["one", "two"])),
        "ports": draw(several(ports)),
    }
    if draw(st.integers(0, 7)) == 0:
        spec["hostNetwork"] = True
    metadata = {"name": f"p{number}", "namespace": draw(st.sampled_from(NAMESPACES)), "labels": draw(LABELS)}
    address = NODES[spec["nodeName"]] if spec.get("hostNetwork") else f"10.0.0.{number}"
    return {"kind": "Pod", "metadata": metadata, "spec": spec, "address": address}


ACCOUNTS = st.fixed_dictionaries({"name": st.sampled_from(["one", "two"]), "namespace": st.sampled_from(NAMESPACES)})
MESH_BLOCKS = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0"},
        {"cidr": "10.0.0.0/30", "except": ["10.0.0.2/31"]},
        {"cidr": "203.0.113.0/24", "except": ["203.0.113.7/32"]},
        {"cidr": "::/0"},
    ]
)
ENTITIES = st.sampled_from(["all", "cluster", "world", "host", "remote-node"])
MESH_PEERS = st.one_of(
    st.fixed_dictionaries({"podSelector": SELECTORS}, optional={"namespaceSelector": SELECTORS}),
    st.fixed_dictionaries({"namespaceSelector": SELECTORS}),
    st.fixed_dictionaries({"serviceAccounts": several(ACCOUNTS, least=1)}),
    st.fixed_dictionaries({"entities": several(ENTITIES, least=1)}),
    st.fixed_dictionaries({"cidrs": several(MESH_BLOCKS, least=1)}),
)
MESH_PORTS = st.one_of(
    st.fixed_dictionaries({"protocol": st.sampled_from([*PROTOCOLS, "ICMP"])}),
    st.fixed_dictionaries({"port": st.sampled_from(NUMBERS)}, optional={"protocol": st.sampled_from(PROTOCOLS)}),
    st.fixed_dictionaries({"port": st.sampled_from(NUMBERS[:3]), "endPort": st.sampled_from(NUMBERS[2:])}),
)


def mesh_rules(peers: str) -> st.SearchStrategy[list[Object]]:
    return several(
        st.fixed_dictionaries(
            {"action": st.sampled_from(["Allow", "Deny", "Pass"])},
            optional={peers: several(MESH_PEERS), "ports": several(MESH_PORTS), "log": st.booleans()},
        )
    )


def mesh_policies(kind: str, metadata: st.SearchStrategy[Object], subject: st.SearchStrategy[Object]) -> Any:
    spec = st.fixed_dictionaries(
        {"subject": subject, "ingress": mesh_rules("from"), "egress": mesh_rules("to")},
        optional={
            "mode": st.sampled_from(["Enforce", "Audit"]),
            "tier": st.sampled_from(["Admin", "Application", "Baseline"]),
            "priority": st.sampled_from([0, 1, 1000]),
        },
    )
    return st.fixed_dictionaries({"kind": st.just(kind), "metadata": metadata, "spec": spec})


def own_accounts(policy: Object) -> Object:
    """A MeshPolicy is about accounts of its own namespace."""
    accounts = [{"name": one["name"]} for one in policy["spec"]["subject"].get("serviceAccounts", ())]
    subject = {"serviceAccounts": accounts} if accounts else policy["spec"]["subject"]
    return policy | {"spec": policy["spec"] | {"subject": subject}}


BY_ACCOUNT = st.fixed_dictionaries({"serviceAccounts": several(ACCOUNTS, least=1)})
NAMES = st.sampled_from(["p", "q", "r"])
MESH_POLICIES = mesh_policies(
    "MeshPolicy",
    st.fixed_dictionaries({"name": NAMES, "namespace": st.sampled_from(NAMESPACES)}),
    st.one_of(st.fixed_dictionaries({"podSelector": SELECTORS}), BY_ACCOUNT),
).map(own_accounts)
CLUSTER_MESH_POLICIES = mesh_policies(
    "ClusterMeshPolicy",
    st.fixed_dictionaries({"name": NAMES}),
    st.one_of(
        st.fixed_dictionaries({"podSelector": SELECTORS}, optional={"namespaceSelector": SELECTORS}),
        st.fixed_dictionaries({"namespaceSelector": SELECTORS}),
        BY_ACCOUNT,
    ),
)


def distinct(policies: list[Object]) -> list[Object]:
    """The last of those with one name. (Filters of large strategies are slow, and Hypothesis prints them.)"""
    named = {(body["kind"], *sorted(body["metadata"].items())): body for body in policies}
    return list(named.values())


POLICIES = st.lists(st.one_of(NETWORK_POLICIES, MESH_POLICIES, CLUSTER_MESH_POLICIES), min_size=1, max_size=5).map(
    distinct
)
