"""Bytes that we put together by hand, against Envoy's own messages; and Envoy's API itself."""

import gzip
from pathlib import Path

import pytest
from google.protobuf import json_format

from envoy_xds import api, encoding
from envoy_xds.generate import __main__ as generate
from envoy_xds.resource import simple
from tests.xds.client import DeltaRequest, DeltaResponse, WholeRequest, WholeResponse

CLUSTER = "envoy.config.cluster.v3.Cluster"


def entry(name: str, size: int = 3) -> encoding.Entry:
    resource = simple(api.type_url(CLUSTER), name, api.encode(api.message(CLUSTER)(name="x" * size)))
    return encoding.entry(resource, resource.version)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 20_000])
def test_a_delta_response_is_what_the_message_says(size):
    one = entry("straße", size)
    data = encoding.delta_response(api.type_url(CLUSTER), "7", [one.delta, entry("b").delta], ["gone", "größe"])

    response = DeltaResponse.FromString(data)

    assert (response.type_url, response.nonce) == (api.type_url(CLUSTER), "7")
    assert list(response.removed_resources) == ["gone", "größe"]
    first = response.resources[0]
    assert (first.name, first.version, first.resource.type_url) == ("straße", one.version, api.type_url(CLUSTER))
    assert first.resource.value == one.resource.body()
    assert response.resources[1].name == "b"


def test_a_whole_response_is_what_the_message_says():
    data = encoding.whole_response(api.type_url(CLUSTER), "7", "v9", [entry("a").whole, entry("b").whole])
    response = WholeResponse.FromString(data)
    assert (response.type_url, response.nonce, response.version_info) == (api.type_url(CLUSTER), "7", "v9")
    assert [r.type_url for r in response.resources] == [api.type_url(CLUSTER)] * 2


def test_requests_become_values():
    status = {"code": 3, "message": "no"}
    delta = DeltaRequest(
        node={"id": "n", "cluster": "c"},
        type_url="t",
        response_nonce="1",
        resource_names_subscribe=["a"],
        resource_names_unsubscribe=["b"],
        initial_resource_versions={"a": "v"},
        error_detail=status,
    )
    node = encoding.Node("n", "c")
    assert encoding.delta_request(delta.SerializeToString()) == encoding.DeltaRequest(
        "t", node, "1", ("a",), ("b",), {"a": "v"}, "no"
    )
    whole = WholeRequest(node={"id": "n", "cluster": "c"}, type_url="t", response_nonce="1", resource_names=["a"])
    assert encoding.whole_request(whole.SerializeToString()) == encoding.WholeRequest("t", node, "1", ("a",), None)


def test_the_api_knows_extensions_and_refuses_what_is_not_there():
    name = "envoy.extensions.filters.listener.set_filter_state.v3.Config"
    value = api.from_dict("google.protobuf.Any", {"@type": api.type_url(name)})
    assert api.to_dict(value) == {"@type": api.type_url(name)}
    with pytest.raises(json_format.ParseError, match="no field named"):
        api.from_dict(CLUSTER, {"nmae": "x"})
    with pytest.raises(KeyError):
        api.message("envoy.Nothing")


def test_the_descriptor_set_is_in_dependency_order_without_source_info():
    packed = Path(generate.DATA, f"envoy-{api.ENVOY_VERSION}.fds.gz").read_bytes()
    assert packed[4:8] == b"\0\0\0\0", "gzip carries no time"
    descriptors = api.descriptor_pb2.FileDescriptorSet.FromString(gzip.decompress(packed))
    seen: set[str] = set()
    for file in descriptors.file:
        assert seen.issuperset(file.dependency)
        assert not file.HasField("source_code_info")
        seen.add(file.name)
    assert len(seen) > 500
