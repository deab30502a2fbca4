"""Single fields of Envoy's resources, as JSON."""

import pytest

from envoy_xds.api import message, to_dict
from envoy_xds.clusters import CLUSTER, cluster
from envoy_xds.endpoints import LOAD_ASSIGNMENT, load_assignment
from envoy_xds.listeners import LISTENER, http_listeners, https_listeners
from envoy_xds.paths import normalised, path_match, path_rewrite
from envoy_xds.retries import STANDARD, policy, retry_policy
from envoy_xds.routes import ROUTE_CONFIGURATION, host_fragment
from envoy_xds.secrets import secret
from operators.ir.routes import (
    ANY_HOST,
    Certificate,
    Cluster,
    DnsBackend,
    EdsBackend,
    Endpoint,
    Endpoints,
    ExactPath,
    Forward,
    Gateway,
    Match,
    PrefixPath,
    Protocol,
    Redirect,
    ReplacePath,
    ReplacePrefix,
    Respond,
    Retry,
    Timeouts,
    TlsHost,
    WeightedCluster,
)
from tests.emit.tables import host, route

GATEWAY = Gateway("shared", ("192.0.2.1", "2001:db8::1"), 80, 8443)


@pytest.mark.parametrize(
    ("path", "arrives"),
    [
        ("/foo", "/foo"),
        ("/a b", "/a%20b"),
        ("/café", "/caf%C3%A9"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/%7Euser", "/~user"),
        ("/a%2Fb", "/a%2Fb"),
        ("/100%", "/100%"),
        ("/x;y=1/@:!$&'()*+,", "/x;y=1/@:!$&'()*+,"),
    ],
)
def test_paths_as_they_arrive(path, arrives):
    assert normalised(path) == arrives


@pytest.mark.parametrize(
    ("matched", "change", "fields"),
    [
        ("/foo", None, {}),
        ("/foo", ReplacePrefix("/bar"), {"prefix_rewrite": "/bar"}),
        ("/foo", ReplacePrefix("/bar/"), {"prefix_rewrite": "/bar"}),
        ("/foo", ReplacePrefix("/"), {"regex_rewrite": {"pattern": {"regex": "^/foo/*"}, "substitution": "/"}}),
        ("/", ReplacePrefix("/bar"), {"prefix_rewrite": "/bar/"}),
        ("/", ReplacePrefix("/"), {"prefix_rewrite": "/"}),
        ("/foo", ReplacePath("/bar"), {"regex_rewrite": {"pattern": {"regex": "^.*$"}, "substitution": "/bar"}}),
    ],
)
def test_new_paths(matched, change, fields):
    assert path_rewrite(change, PrefixPath(matched)) == fields


def test_the_root_is_a_plain_prefix():
    """Envoy refuses it as a separated one."""
    assert path_match(PrefixPath("/")) == {"prefix": "/"}


def test_a_route_of_a_plain_host_says_only_what_differs():
    shown = routes_of(host("a.example", route(Match(PrefixPath("/x")), "ns/one:80")))
    assert shown == [
        {
            "name": "Ingress test/one spec.rules[0]",
            "match": {"path_separated_prefix": "/x"},
            "route": {"cluster": "ns/one:80", "timeout": "0s"},
        }
    ]


def routes_of(virtual_host, any_host=None) -> list[dict]:
    return virtual_host_of(virtual_host, any_host)["routes"]


def virtual_host_of(virtual_host, any_host=None) -> dict:
    fragment = host_fragment(virtual_host, any_host)
    (shown,) = to_dict(message(ROUTE_CONFIGURATION).FromString(fragment.data))["virtual_hosts"]
    return shown


def test_the_standard_retries_are_the_virtual_hosts():
    shown = virtual_host_of(host("a.example", route(Match(), "one")))["retry_policy"]
    assert shown["retry_on"] == "connect-failure,refused-stream,reset-before-request"
    assert shown["num_retries"] == 3
    assert [one["name"] for one in shown["retry_host_predicate"]] == ["envoy.retry_host_predicates.previous_hosts"]


@pytest.mark.parametrize(
    ("forward", "retry_on", "per_try"),
    [
        (Forward((), retry=Retry(1, ("503", "reset"))), "reset,retriable-status-codes", None),
        (Forward((), retry=Retry(1, (), per_try_timeout=1.5)), "", 1.5),
        (Forward((), Timeouts(backend_request=2.0), Retry(1, (), per_try_timeout=1.5)), "", 1.5),
        (Forward((), Timeouts(backend_request=2.0)), "", 2.0),
    ],
)
def test_retries_of_a_route(forward, retry_on, per_try):
    found = retry_policy(forward)["retry_policy"]
    limit = found.get("per_try_timeout")
    assert found["retry_on"] == ",".join(filter(None, (policy(STANDARD)["retry_on"], retry_on)))
    assert (limit and limit["seconds"] + limit["nanos"] / 1e9) == per_try


def test_weights():
    clusters = (WeightedCluster("one", 3), WeightedCluster("two", 0), WeightedCluster("three", 1))
    (shown,) = routes_of(host("a.example", route(Match(), Forward(clusters))))
    assert shown["route"]["weighted_clusters"]["clusters"] == [
        {"name": "one", "weight": 3},
        {"name": "three", "weight": 1},
    ]
    (shown,) = routes_of(host("a.example", route(Match(), Forward(clusters[:2]))))
    assert shown["route"]["cluster"] == "one"


def test_answers_of_our_own():
    shown = routes_of(
        host("a.example", route(Match(), Redirect(308, scheme="https", port=8443)), route(Match(), Respond(503)))
    )
    assert shown[0]["redirect"] == {
        "scheme_redirect": "https",
        "port_redirect": 8443,
        "response_code": "PERMANENT_REDIRECT",
    }
    assert shown[1]["direct_response"] == {"status": 503}


def conditions(shown: list[dict]) -> list[tuple[str, bool]]:
    """Of each route its cluster, and whether it asks for one label."""
    return [(one["route"]["cluster"], ":authority" in str(one["match"].get("headers"))) for one in shown]


def test_a_wildcards_own_routes_ask_for_one_label():
    own, rest, default = (route(Match(ExactPath(f"/{name}")), name) for name in ("own", "rest", "default"))
    wild = host("*.example", own, fallback=(rest, default))

    assert conditions(routes_of(wild)) == [("own", True), ("rest", False), ("default", False)]
    assert conditions(routes_of(wild, host(ANY_HOST, rest, fallback=(default,)))) == conditions(routes_of(wild))
    assert conditions(routes_of(wild, host(ANY_HOST, rest))) == [
        ("own", True),
        ("rest", True),
        ("default", True),
        ("rest", False),
    ]


def listeners_of(resources) -> list[dict]:
    return [to_dict(message(LISTENER).FromString(one.body())) for one in resources]


def test_listeners_are_named_for_gateway_address_and_port():
    assert [one["name"] for one in listeners_of(http_listeners(GATEWAY))] == [
        "shared/192.0.2.1:80",
        "shared/[2001:db8::1]:80",
    ]
    everywhere = listeners_of(http_listeners(Gateway("shared", ("0.0.0.0", "::"), 80, 443)))
    assert [(one["name"], one["freebind"]) for one in everywhere] == [
        ("shared/0.0.0.0:80", False),
        ("shared/[::]:80", False),
    ]


def test_a_filter_chain_for_each_set_of_certificates():
    hosts = [
        TlsHost("shared", "b.example", ("x/1",)),
        TlsHost("shared", "a.example", ("x/1",)),
        TlsHost("shared", "*.example", ("x/1", "x/2")),
        TlsHost("shared", "broken.example", ()),
        TlsHost("shared", ANY_HOST, ("x/1",)),
    ]
    (first, _) = listeners_of(https_listeners(GATEWAY, hosts))
    chains = {one["name"]: one for one in first["filter_chains"]}
    assert {name: one["filter_chain_match"].get("server_names") for name, one in chains.items()} == {
        "sni:x/1": ["a.example", "b.example"],
        "sni:x/1,x/2": ["*.example"],
        "sni:refused": ["broken.example"],
        "any:x/1": None,
    }
    assert "transport_socket" not in chains["sni:refused"]
    context = chains["sni:x/1,x/2"]["transport_socket"]["typed_config"]
    secrets = context["common_tls_context"]["tls_certificate_sds_secret_configs"]
    assert [one["name"] for one in secrets] == ["x/1", "x/2"]
    assert context["common_tls_context"]["tls_params"] == {"tls_minimum_protocol_version": "TLSv1_2"}
    assert https_listeners(GATEWAY, []) == []


@pytest.mark.parametrize(
    ("protocol", "backend", "speaks", "sni"),
    [
        (Protocol.HTTP1, EdsBackend("ns/x:"), "http_protocol_options", None),
        (Protocol.H2C, EdsBackend("ns/x:"), "http2_protocol_options", None),
        (Protocol.HTTPS, EdsBackend("ns/x:"), "http_protocol_options", "of the request"),
        (Protocol.HTTPS, DnsBackend("api.example", 443), "http_protocol_options", "api.example"),
    ],
)
def test_clusters(protocol, backend, speaks, sni):
    resource = cluster(Cluster("ns/x:80", backend, protocol))
    shown = to_dict(message(CLUSTER).FromString(resource.body()))
    (options,) = shown["typed_extension_protocol_options"].values()
    context = shown.get("transport_socket", {}).get("typed_config")
    automatic = "of the request" if options.get("upstream_http_protocol_options") == {"auto_sni": True} else None
    assert list(options["explicit_http_config"]) == [speaks]
    assert (context is None, (context or {}).get("sni") or automatic) == (sni is None, sni)
    found = shown.get("type") or shown["cluster_type"]["name"]
    assert found == ("EDS" if isinstance(backend, EdsBackend) else "envoy.cluster.dns")


def test_endpoints():
    made = load_assignment(Endpoints("ns/x:http", (Endpoint("192.0.2.9", 80), Endpoint("2001:db8::9", 81))))
    shown = to_dict(message(LOAD_ASSIGNMENT).FromString(made.body()))
    addresses = [one["endpoint"]["address"]["socket_address"] for one in shown["endpoints"][0]["lb_endpoints"]]
    assert addresses == [{"address": "192.0.2.9", "port_value": 80}, {"address": "2001:db8::9", "port_value": 81}]
    assert to_dict(message(LOAD_ASSIGNMENT).FromString(load_assignment(Endpoints("none", ())).body())) == {
        "cluster_name": "none"
    }


def test_secrets_are_named_for_their_certificate():
    assert secret(Certificate("ns/x", b"chain", b"key")).name == "ns/x"
