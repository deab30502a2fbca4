"""Random Services, slices and nodes from a world so small that they meet: few names, few addresses, all conditions and hints."""

from typing import Any

from hypothesis import strategies as st

Object = dict[str, Any]

NAMES = st.sampled_from(["x", "y"])
NODES = ("n1", "n2", "n3")
ZONES = ("a", "b")
POLICIES = st.sampled_from(["Cluster", "Local"])
FLAGS = st.sampled_from([True, False, None])
PORTS = [
    {"name": "one", "port": 80, "protocol": "TCP"},
    {"name": "two", "port": 53, "protocol": "UDP"},
    {"name": "two-tcp", "port": 53, "protocol": "TCP"},
]
FAMILIES = {"IPv4": "10.0.0.{}", "IPv6": "fd00::{}"}
CLUSTER_IPS = {
    "x": {"IPv4": "10.96.0.1", "IPv6": "fd00:96::1"},
    "y": {"IPv4": "10.96.0.2", "IPv6": "fd00:96::2"},
}
BALANCERS = ["203.0.113.1", "2001:db8::1"]
EXTERNALS = [*BALANCERS, "198.51.100.1", "10.96.0.2", "127.0.0.1", "junk"]
RANGES = ["10.0.0.0/8", "fd00::/8", "0.0.0.0/0", "junk"]


def several(values: list[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), max_size=most, unique_by=str)


def several_names(values: tuple[str, ...]) -> st.SearchStrategy[list[dict[str, str]]]:
    found = st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)
    return found.map(lambda names: [{"name": one} for one in names])


DRAINING = {"ready": False, "serving": True, "terminating": True}
CONDITIONS = st.one_of(
    st.sampled_from([{}, {"ready": True}, {"ready": False, "serving": False}, DRAINING]),
    st.fixed_dictionaries({}, optional={"ready": FLAGS, "serving": FLAGS, "terminating": FLAGS}),
)
# Fallbacks show only where all are alike, and hints count only where all have them: a slice has a mood.
MOODS = st.sampled_from([{}, {}, {"conditions": DRAINING}, {"conditions": {}}])
HINTED = st.sampled_from([(), (), ("forZones",), ("forNodes",), ("forZones", "forNodes")])


@st.composite
def endpoints(draw: st.DrawFn, family: str, mood: Object, hinted: tuple[str, ...]) -> Object:
    made: Object = {"addresses": [FAMILIES[family].format(draw(st.integers(1, 5)))]}
    if draw(st.integers(0, 5)):
        made["nodeName"] = draw(st.sampled_from(NODES))
    made["zone"] = draw(st.sampled_from(ZONES))
    made["conditions"] = draw(CONDITIONS)
    names = {"forZones": ZONES, "forNodes": NODES}
    made["hints"] = {kind: draw(several_names(names[kind])) for kind in hinted if draw(st.integers(0, 9))}
    return made | mood


@st.composite
def slices(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Object:
    family = draw(st.sampled_from(["IPv4", "IPv4", "IPv6"]))
    service = draw(names)
    listed = draw(st.sampled_from([PORTS, PORTS, PORTS[:1], PORTS[1:], []]))
    return {
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-{draw(st.integers(1, 3))}",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": family,
        "ports": [
            {"name": one["name"], "protocol": one["protocol"], "port": draw(st.sampled_from([8080, 8080, 8081]))}
            for one in listed
        ],
        "endpoints": draw(st.lists(endpoints(family, draw(MOODS), draw(HINTED)), min_size=1, max_size=5)),
    }


@st.composite
def services(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Object:
    name = draw(names)
    kind = draw(st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer", "LoadBalancer", "ExternalName", "Headless"]))
    families = draw(st.sampled_from([["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv4", "IPv6"]]))
    offset = 0 if name == "x" else 100
    ports = [dict(port) for port in draw(several(PORTS)) or PORTS[:1]]
    if kind in {"NodePort", "LoadBalancer"}:
        ports = [port | {"nodePort": 30000 + offset + PORTS.index(port)} for port in ports]
    spec: Object = {
        "type": "ClusterIP" if kind == "Headless" else kind,
        "clusterIPs": ["None"] if kind == "Headless" else [CLUSTER_IPS[name][family] for family in families],
        "ports": ports,
        "externalTrafficPolicy": draw(POLICIES),
        "internalTrafficPolicy": draw(POLICIES),
        "publishNotReadyAddresses": draw(st.integers(0, 5)) == 0,
        "sessionAffinity": draw(st.sampled_from(["None", "ClientIP"])),
        "externalIPs": draw(several(EXTERNALS)),
        "loadBalancerSourceRanges": draw(several(RANGES)),
        "healthCheckNodePort": draw(st.sampled_from([0, 32000 + offset])),
    }
    ingress = draw(several([{"ip": ip, "ipMode": mode} for ip in BALANCERS for mode in ("VIP", "Proxy")]))
    return {
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": "default",
            "creationTimestamp": draw(st.sampled_from([None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])),
            "labels": draw(
                st.sampled_from([{}, {}, {}, {"a": "b"}, {"service.kubernetes.io/service-proxy-name": "other"}])
            ),
        },
        "spec": spec,
        "status": {"loadBalancer": {"ingress": ingress if kind == "LoadBalancer" else []}},
    }


@st.composite
def nodes(draw: st.DrawFn) -> Object:
    zone = draw(st.sampled_from(["", *ZONES]))
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    address = {"type": "InternalIP", "address": f"192.168.0.{draw(st.integers(1, 3))}"}
    return {
        "kind": "Node",
        "metadata": {"name": draw(st.sampled_from(NODES)), "labels": labels | draw(st.sampled_from([{}, {"a": "b"}]))},
        "status": {"addresses": [address, {"type": "Hostname", "address": "n"}]},
    }


ANY_OBJECT = st.one_of(services(), slices(), nodes())
