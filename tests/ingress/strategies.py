"""Random objects from a world so small that they meet: few names, few hosts, and mistakes among them."""

from typing import Any

from hypothesis import strategies as st

from tests.ingress.certificates import secret

NAMESPACES = st.sampled_from(["a", "b"])
NAMES = st.sampled_from(["x", "y", "z"])
HOSTS = st.sampled_from(
    ["", "a.example", "b.example", "*.example", "x.a.example", "*.a.example", "A.Example", "1.2.3.4"]
)
PATHS = st.sampled_from(["/", "/foo", "/foo/", "/foo/bar", "/Foo", "/v[0-9]+", "/(a", ""])
PATH_TYPES = st.sampled_from(["Exact", "Prefix", "ImplementationSpecific"])
BORN = st.sampled_from([None, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])
PORTS = st.sampled_from([{"number": 80}, {"number": 81}, {"name": "http"}, {"name": "nope"}, {"number": 9999}])
SERVICES = st.fixed_dictionaries({"name": NAMES, "port": PORTS})
DURATIONS = st.sampled_from(["0s", "10s", "1m30s", "500ms"])
HEADERS = st.sampled_from(["X-One", "x-one", "X-Two", "Host"])
CLASSES = st.sampled_from(["tulle", "other", "gone"])


def metadata(**more: st.SearchStrategy) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"name": NAMES, "namespace": NAMESPACES, "creationTimestamp": BORN} | more)


def objects(kind: str, **parts: st.SearchStrategy) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind)} | parts)


def several(strategy: st.SearchStrategy, least: int = 0, most: int = 3) -> st.SearchStrategy[list]:
    return st.lists(strategy, min_size=least, max_size=most)


BACKENDS = st.one_of(
    st.fixed_dictionaries({"service": SERVICES}),
    st.just({"resource": {"kind": "Bucket", "name": "files"}}),
    st.just({}),
)
TLS = several(st.fixed_dictionaries({"hosts": several(HOSTS, most=2)}, optional={"secretName": NAMES}), most=2)
INGRESSES = objects(
    "Ingress",
    metadata=metadata(annotations=st.sampled_from([{}, {"kubernetes.io/ingress.class": "tulle"}])),
    spec=st.fixed_dictionaries(
        {"tls": TLS},
        optional={
            "ingressClassName": CLASSES,
            "defaultBackend": BACKENDS,
            "rules": several(
                st.fixed_dictionaries(
                    {"host": HOSTS},
                    optional={
                        "http": st.fixed_dictionaries(
                            {
                                "paths": several(
                                    st.fixed_dictionaries({"path": PATHS, "pathType": PATH_TYPES, "backend": BACKENDS}),
                                    least=1,
                                )
                            }
                        )
                    },
                )
            ),
        },
    ),
)

MODIFIERS = st.fixed_dictionaries(
    {"type": st.sampled_from(["ReplaceFullPath", "ReplacePrefixMatch"]), "value": st.sampled_from(["/", "/new"])}
)
CHANGES = st.fixed_dictionaries(
    {"set": several(st.fixed_dictionaries({"name": HEADERS, "value": st.just("1")})), "remove": several(HEADERS)}
)
HANDLING: dict[str, st.SearchStrategy] = {
    "timeouts": st.fixed_dictionaries({}, optional={"request": DURATIONS, "idle": DURATIONS}),
    "retry": st.fixed_dictionaries({"attempts": st.integers(1, 3)}, optional={"backoff": DURATIONS}),
    "requestHeaders": CHANGES,
    "responseHeaders": CHANGES,
}
MATCHES: dict[str, st.SearchStrategy] = {
    "methods": several(st.sampled_from(["GET", "PUT"])),
    "headers": several(
        st.fixed_dictionaries(
            {
                "name": HEADERS,
                "value": st.sampled_from(["a", "(b"]),
                "type": st.sampled_from(["Exact", "RegularExpression"]),
            }
        )
    ),
}
WEIGHTED = several(st.fixed_dictionaries({"service": SERVICES, "weight": st.integers(0, 2)}), least=1)
OWN_PATHS = st.one_of(
    st.fixed_dictionaries(
        {"path": PATHS.filter(bool), "pathType": PATH_TYPES, "backend": st.fixed_dictionaries({"service": SERVICES})},
        optional=HANDLING | MATCHES | {"rewrite": st.fixed_dictionaries({"path": MODIFIERS})},
    ),
    st.fixed_dictionaries(
        {"path": PATHS.filter(bool), "pathType": PATH_TYPES, "backends": WEIGHTED}, optional=HANDLING
    ),
    st.fixed_dictionaries(
        {
            "path": PATHS.filter(bool),
            "pathType": PATH_TYPES,
            "redirect": st.fixed_dictionaries({"scheme": st.just("https")}, optional={"path": MODIFIERS}),
        }
    ),
)
OWN_HOSTS = HOSTS.filter(lambda host: host == host.lower() and host != "1.2.3.4")  # the schema refuses the others
CILIUM_INGRESSES = objects(
    "CiliumIngress",
    metadata=metadata(),
    spec=st.fixed_dictionaries(
        {"httpsRedirect": st.booleans()},
        optional=HANDLING
        | {
            "ingressClassName": CLASSES,
            "tls": several(
                st.fixed_dictionaries(
                    {"hosts": several(OWN_HOSTS.filter(bool), most=2)}, optional={"secretName": NAMES}
                )
            ),
            "defaultBackend": st.fixed_dictionaries({"service": SERVICES}),
            "rules": several(
                st.fixed_dictionaries(
                    {"http": st.fixed_dictionaries({"paths": several(OWN_PATHS, least=1)})},
                    optional={"host": OWN_HOSTS.filter(bool)},
                )
            ),
        },
    ),
)

INGRESS_CLASSES = objects(
    "IngressClass",
    metadata=st.fixed_dictionaries(
        {"name": CLASSES, "creationTimestamp": BORN},
        optional={"annotations": st.just({"ingressclass.kubernetes.io/is-default-class": "true"})},
    ),
    spec=st.fixed_dictionaries({"controller": st.sampled_from(["tulle.dev/ingress", "example.com/other"])}),
)
SERVICE_OBJECTS = objects(
    "Service",
    metadata=metadata(),
    spec=st.one_of(
        st.fixed_dictionaries(
            {
                "ports": several(
                    st.fixed_dictionaries(
                        {"port": st.sampled_from([80, 81]), "protocol": st.sampled_from(["TCP", "TCP", "UDP"])},
                        optional={"name": st.just("http"), "appProtocol": st.just("https")},
                    )
                )
            }
        ),
        st.just({"type": "ExternalName", "externalName": "api.example"}),
        st.just({"type": "ExternalName", "externalName": "localhost"}),
    ),
)
ENDPOINT_SLICES = st.builds(
    lambda name, namespace, service, family, ports, endpoints: {
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": service}},
        "addressType": family,
        "ports": ports,
        "endpoints": endpoints,
    },
    st.sampled_from(["s", "t"]),
    NAMESPACES,
    NAMES,
    st.sampled_from(["IPv4", "IPv6", "FQDN"]),
    several(st.sampled_from([{"name": "http", "port": 8080}, {"port": 8080}, {"name": "http"}]), most=2),
    several(
        st.fixed_dictionaries(
            {"addresses": st.sampled_from([["10.0.0.1"], ["10.0.0.2"], []])},
            optional={
                "conditions": st.fixed_dictionaries(
                    {}, optional={"ready": st.booleans(), "serving": st.booleans(), "terminating": st.booleans()}
                )
            },
        )
    ),
)
SECRETS = st.one_of(
    st.builds(
        lambda name, namespace, key, days: secret(name, ["a.example"], key, days, namespace),
        NAMES,
        NAMESPACES,
        st.sampled_from(["ecdsa", "rsa"]),
        st.sampled_from([-1, 100]),
    ),
    objects("Secret", metadata=metadata(), data=st.sampled_from([{}, {"tls.crt": "!", "tls.key": "eA=="}])),
)
POOLS = st.builds(
    lambda name, address, owner: {
        "kind": "LoadBalancerIPPool",
        "metadata": {"name": name},
        "spec": {"blocks": [{"cidr": "192.0.2.0/28"}]},
        "status": {"allocations": [{"address": address, "owner": owner}]},
    },
    NAMES,
    st.sampled_from(["192.0.2.1", "192.0.2.2"]),
    st.sampled_from(["shared", "other"]),
)
ANY_OBJECT = st.one_of(
    INGRESSES,
    CILIUM_INGRESSES,
    INGRESS_CLASSES,
    SERVICE_OBJECTS,
    ENDPOINT_SLICES,
    SECRETS,
    POOLS,
)
