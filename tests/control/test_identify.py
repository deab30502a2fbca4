"""What a peer may see, by what it says and by what its certificate says."""

from dataclasses import dataclass, field

import pytest

from envoy_xds.encoding import Node
from envoy_xds.server import Refused
from operators.controller.identify import by_certificate, by_node_id, is_controller

ROOT = "spiffe://cluster.local/ns/tulle-system/sa"


@dataclass
class Context:
    names: list[bytes] = field(default_factory=list)

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_subject_alternative_name": self.names}


@pytest.mark.parametrize(
    ("node", "expected"),
    [("envoy/node-a/pod", ("ingress", "node-a")), ("agent/node-a/pod", ("node/node-a", "node-a"))],
)
def test_proxies_see_the_ingress_and_agents_their_node(node: str, expected: tuple[str, str]) -> None:
    assert by_node_id(Context(), Node(node, "tulle")) == expected
    certified = Context([f"{ROOT}/tulle-agent/node/node-a".encode()])
    assert by_certificate("cluster.local", "tulle-system")(certified, Node(node, "tulle")) == expected


@pytest.mark.parametrize(
    "node", ["", "envoy", "envoy/node-a", "envoy//pod", "other/node-a/pod", "agent/a/b/c", "agent/node-a/"]
)
def test_a_strange_id_sees_nothing(node: str) -> None:
    with pytest.raises(Refused, match="none of"):
        by_node_id(Context(), Node(node, "tulle"))


@pytest.mark.parametrize(
    "name",
    [
        f"{ROOT}/tulle-agent/node/node-b",
        f"{ROOT}/tulle-agent",
        "spiffe://other/ns/tulle-system/sa/tulle-agent/node/node-a",
        "",
    ],
)
def test_a_node_sees_nothing_of_another(name: str) -> None:
    with pytest.raises(Refused, match="no certificate of node node-a"):
        by_certificate("cluster.local", "tulle-system")(Context([name.encode()]), Node("agent/node-a/pod", "tulle"))


def test_only_the_controller_is_the_controller() -> None:
    check = is_controller("cluster.local", "tulle-system")

    assert check(Context([f"{ROOT}/tulle-controller".encode()]))
    assert not check(Context([f"{ROOT}/tulle-agent/node/a".encode()]))
    assert not check(Context())
