"""Random objects that the API server takes, as rich as it allows; `tests/ingress/strategies.py` has the small, mistaken ones.

Names are few, so that objects refer to one another; strings (hosts, paths, headers, durations) are as odd as they may be.
A test holds all of them against a real API server.
"""

from typing import Any

from hypothesis import strategies as st

Object = dict[str, Any]
Objects = st.SearchStrategy[Object]

NAMESPACES = st.sampled_from(["default", "shop"])
NAMES = st.sampled_from(["web", "api", "web-next"])
SERVICES = st.sampled_from(["web", "api", "web-next", "gone"])
SECRETS = st.sampled_from(["web-tls", "api-tls", "gone-tls"])
PORT_NAMES = st.sampled_from(["http", "https", "x-1"])
PORTS = st.one_of(
    st.fixed_dictionaries({"number": st.sampled_from([80, 443, 8080, 65535])}),
    st.fixed_dictionaries({"name": PORT_NAMES}),
)
LABELS = st.one_of(st.sampled_from(["a", "b", "xn--bcher-kva", "1-x"]), st.from_regex(r"[a-z]{1,63}", fullmatch=True))
HOSTNAMES = st.one_of(
    st.sampled_from(["shop.example", "a.shop.example", "example"]),
    st.lists(LABELS, min_size=1, max_size=3).map(".".join),
)
HOSTS = st.one_of(HOSTNAMES, HOSTNAMES.map(lambda name: f"*.{name}"))
SEGMENTS = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/?#%."), min_size=1, max_size=6)
PATHS = st.one_of(
    st.sampled_from(
        ["/", "/foo", "/foo/", "/foo/bar", "/%41", "/a.b", "/:x", "/{x}", "/*", "/a+b", "/~a", "/.well-known/x"]
    ),
    st.builds(
        lambda parts, end: "/" + "/".join(parts) + end,
        st.lists(SEGMENTS, min_size=1, max_size=3),
        st.sampled_from(["", "/"]),
    ),
)
EXPRESSIONS = st.sampled_from(
    [r"/v[0-9]+", r"/(a|b)/.*", r"(?i)/foo", r"/\p{Greek}+", r"/x{1,3}", r"/[[:alpha:]]*", "/", r"/a\.b$", "^/a"]
)
DURATIONS = st.one_of(
    st.sampled_from(["0s", "0ms", "1ms", "500ms", "10s", "1m30s", "99999h"]),
    st.from_regex(r"([0-9]{1,5}(h|m|s|ms)){1,4}", fullmatch=True),
)
HEADER_NAMES = st.one_of(
    st.sampled_from(["X-One", "x-two", "Cookie", "Host", "Content-Length", "TE", "x_3"]),
    st.from_regex(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,12}", fullmatch=True),
)
HEADER_VALUES = st.one_of(
    st.sampled_from(["", "1", "100%", "%REQ(X)%", "%%", "a, b", " padded "]),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\0"), max_size=12),
)
HEADERS = st.fixed_dictionaries({"name": HEADER_NAMES, "value": HEADER_VALUES})
BORN = st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])


def several(one: st.SearchStrategy[Any], least: int = 0, most: int = 3, **more: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(one, min_size=least, max_size=most, **more)


def by_name(item: Object) -> str:
    return str(item["name"])


def objects(version: str, kind: str, **parts: st.SearchStrategy[Any]) -> Objects:
    metadata = st.fixed_dictionaries({"name": NAMES, "namespace": NAMESPACES, "creationTimestamp": BORN})
    return st.fixed_dictionaries({"apiVersion": st.just(version), "kind": st.just(kind), "metadata": metadata} | parts)


def serving(spec: Object) -> Object:
    """The same with what it cannot be without. (Filters of large strategies are slow, and Hypothesis prints them.)"""
    if not spec["rules"]:
        spec = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}} | spec
    return spec if spec.get("tls") else {name: value for name, value in spec.items() if name != "httpsRedirect"}


SERVICE_BACKENDS = st.fixed_dictionaries({"service": st.fixed_dictionaries({"name": SERVICES, "port": PORTS})})
TLS = several(st.fixed_dictionaries({}, optional={"hosts": several(HOSTS), "secretName": SECRETS}), most=2)
CLASSES = st.sampled_from(["tulle", "other"])


def ingresses() -> Objects:
    """networking.k8s.io/v1 Ingress."""
    resources = st.just({"resource": {"apiGroup": "example.com", "kind": "Bucket", "name": "files"}})
    backends = st.one_of(SERVICE_BACKENDS, SERVICE_BACKENDS, resources)
    typed = st.fixed_dictionaries(
        {"path": PATHS, "pathType": st.sampled_from(["Exact", "Prefix"]), "backend": backends}
    )
    specific = st.fixed_dictionaries(
        {"pathType": st.just("ImplementationSpecific"), "backend": backends},
        optional={"path": st.one_of(PATHS, EXPRESSIONS.filter(lambda text: text.startswith("/")))},
    )
    paths = several(st.one_of(typed, specific), least=1)
    rules = several(
        st.fixed_dictionaries({}, optional={"host": HOSTS, "http": st.fixed_dictionaries({"paths": paths})})
    )
    spec = st.fixed_dictionaries(
        {"rules": rules}, optional={"ingressClassName": CLASSES, "tls": TLS, "defaultBackend": backends}
    ).map(serving)
    return objects("networking.k8s.io/v1", "Ingress", spec=spec)


HEADER_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "set": several(HEADERS, unique_by=by_name),
        "add": several(HEADERS),
        "remove": several(HEADER_NAMES, unique=True),
    },
)
RETRIES = st.fixed_dictionaries(
    {},
    optional={
        "attempts": st.integers(1, 10),
        "retryOn": several(
            st.sampled_from(
                ["503", "100", "599", "5xx", "gateway-error", "reset", "connect-failure", "refused-stream"]
            ),
            least=1,
            unique=True,
        ),
        "perTryTimeout": DURATIONS,
        "backoff": DURATIONS,
    },
)
# The try's limit must not be above the whole's.
TIMEOUTS = st.one_of(
    st.fixed_dictionaries({}, optional={"request": DURATIONS, "idle": DURATIONS}),
    st.fixed_dictionaries({"backendRequest": DURATIONS}, optional={"idle": DURATIONS}),
    st.just({"request": "10s", "backendRequest": "10000ms"}),
    st.just({"request": "0s", "backendRequest": "1h"}),
)
MATCHES: dict[str, st.SearchStrategy[Any]] = {
    "methods": several(st.sampled_from(["GET", "HEAD", "POST", "CONNECT", "TRACE"]), unique=True),
    "headers": several(
        st.one_of(
            HEADERS,
            st.fixed_dictionaries(
                {
                    "name": HEADER_NAMES,
                    "value": st.sampled_from([".*", "a|b", "|"]),
                    "type": st.just("RegularExpression"),
                }
            ),
        ),
        unique_by=by_name,
    ),
    "responseHeaders": HEADER_CHANGES,
}
HANDLING: dict[str, st.SearchStrategy[Any]] = {"timeouts": TIMEOUTS, "retry": RETRIES, "requestHeaders": HEADER_CHANGES}
NEW_PATHS = st.one_of(PATHS, st.just("/a//b/../c"))
WEIGHTED = several(
    st.builds(
        lambda backend, weight: backend | weight,
        SERVICE_BACKENDS,
        st.sampled_from([{}, {"weight": 0}, {"weight": 1000000}]),
    ),
    least=1,
).map(
    lambda backends: (
        backends if any(one.get("weight", 1) for one in backends) else [{"service": backends[0]["service"]}]
    )
)


def new_path(path_type: str) -> Objects:
    types = ["ReplaceFullPath", "ReplacePrefixMatch"] if path_type == "Prefix" else ["ReplaceFullPath"]
    return st.fixed_dictionaries({"type": st.sampled_from(types), "value": NEW_PATHS})


def changed(path_type: str, **parts: st.SearchStrategy[Any]) -> Objects:
    """A rewrite or redirect that changes something."""
    every = parts | {"hostname": HOSTNAMES, "path": new_path(path_type)}
    return st.one_of(
        *(
            st.fixed_dictionaries({name: part}, optional={other: every[other] for other in every if other != name})
            for name, part in every.items()
        )
    )


def paths_of(path_type: str) -> Objects:
    """Paths of CiliumIngress of one type, with each of the three actions."""
    regex = path_type == "ImplementationSpecific"
    base = {"path": EXPRESSIONS if regex else PATHS, "pathType": st.just(path_type)}
    rewritten = MATCHES | HANDLING | {"rewrite": changed(path_type)}
    redirect = st.builds(
        lambda change, status: change | status,
        changed(path_type, scheme=st.sampled_from(["http", "https"]), port=st.sampled_from([1, 80, 443, 65535])),
        st.sampled_from([{}, {"statusCode": 301}, {"statusCode": 303}, {"statusCode": 307}, {"statusCode": 308}]),
    )
    return st.one_of(
        st.fixed_dictionaries(base | {"backend": SERVICE_BACKENDS}, optional=rewritten),
        st.fixed_dictionaries(base | {"backends": WEIGHTED}, optional=rewritten),
        st.fixed_dictionaries(base | {"redirect": redirect}, optional=MATCHES),
    )


def cilium_ingresses() -> Objects:
    """tulle.dev/v1alpha1 CiliumIngress."""
    paths = several(st.one_of(*(paths_of(kind) for kind in ("Exact", "Prefix", "ImplementationSpecific"))), least=1)
    rules = several(
        st.fixed_dictionaries({}, optional={"host": HOSTS, "http": st.fixed_dictionaries({"paths": paths})})
    )
    optional = HANDLING | {
        "ingressClassName": CLASSES,
        "tls": TLS,
        "defaultBackend": SERVICE_BACKENDS,
        "responseHeaders": HEADER_CHANGES,
        "httpsRedirect": st.booleans(),
    }
    spec = st.fixed_dictionaries({"rules": rules}, optional=optional).map(serving)
    return objects("tulle.dev/v1alpha1", "CiliumIngress", spec=spec)


def services() -> Objects:
    """v1 Service of every type, headless too."""
    named = several(
        st.fixed_dictionaries(
            {"name": PORT_NAMES, "port": st.sampled_from([80, 443, 8080, 65535])},
            optional={
                "protocol": st.sampled_from(["TCP", "UDP", "SCTP"]),
                "targetPort": st.sampled_from([8080, "http"]),
                "appProtocol": st.sampled_from(
                    ["http", "https", "kubernetes.io/h2c", "kubernetes.io/ws", "example.com/x"]
                ),
            },
        ),
        least=1,
        unique_by=(by_name, lambda port: (port["port"], port.get("protocol", "TCP"))),
    )
    ports = st.one_of(named, st.just([{"port": 80}]))
    types = st.sampled_from([{}, {"clusterIP": "None"}, {"type": "NodePort"}, {"type": "LoadBalancer"}])
    served = st.builds(lambda kind, ports: kind | {"ports": ports}, types, ports)
    external = st.builds(
        lambda name, more: {"type": "ExternalName", "externalName": name} | more,
        HOSTNAMES,
        st.one_of(st.just({}), st.fixed_dictionaries({"ports": ports})),
    )
    return objects("v1", "Service", spec=st.one_of(served, served, external))


ADDRESSES = {
    "IPv4": st.ip_addresses(network="10.0.0.0/8").map(str),
    "IPv6": st.ip_addresses(network="2001:db8::/32").map(str),
    "FQDN": st.sampled_from(["pod.example", "other.example"]),
}


@st.composite
def endpoint_slices(draw: st.DrawFn) -> Object:
    """discovery.k8s.io/v1 EndpointSlice of one of the Services."""
    family = draw(st.sampled_from(["IPv4", "IPv4", "IPv6", "FQDN"]))
    conditions = st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("ready", "serving", "terminating"), st.sampled_from([True, False, None]))
    )
    endpoints = st.fixed_dictionaries(
        {"addresses": several(ADDRESSES[family], least=1, most=2, unique=True)},
        optional={
            "conditions": conditions,
            "nodeName": st.sampled_from(["node-a", "node-b"]),
            "zone": st.sampled_from(["z1", "z2"]),
        },
    )
    ports = st.fixed_dictionaries(
        {"name": st.one_of(PORT_NAMES, st.just(""))},
        optional={"port": st.integers(1, 65535), "protocol": st.sampled_from(["TCP", "UDP"])},
    )
    name, namespace, service = draw(NAMES), draw(NAMESPACES), draw(SERVICES)
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-{name}",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": family,
        "endpoints": draw(several(endpoints)),
        "ports": draw(several(ports, unique_by=by_name)),
    }


def valid_objects() -> Objects:
    """Any of them."""
    return st.one_of(ingresses(), cilium_ingresses(), services(), endpoint_slices())
