"""Who is on a stream → what it may see.

Node ids are `envoy/<node>/<pod>`, `agent/<node>/<pod>`, and `mesh/<node>/<pod>` for what an agent sees like all others. Over mTLS the certificate says which node it is, and the id must agree.
"""

from collections.abc import Callable
from typing import Any

import grpc

from envoy_xds.encoding import Node
from envoy_xds.server import Refused
from operators.ca.spiffe import agent_id, controller_id
from operators.controller.presence import INGRESS_VIEW, MESH_VIEW, NODE_VIEW

Context = grpc.aio.ServicerContext[Any, Any]


def by_node_id(_: Context, node: Node) -> tuple[str, str]:
    """View and node name by the peer's own word: on loopback only."""
    kind, name, pod, *more = [*node.id.split("/"), "", "", ""]
    views = {"envoy": INGRESS_VIEW, "agent": NODE_VIEW + name, "mesh": MESH_VIEW}
    if not name or not pod or any(more) or kind not in views:
        raise Refused(f"node id {node.id!r} is none of envoy/<node>/<pod>, agent/<node>/<pod>, mesh/<node>/<pod>")
    return views[kind], name


def by_certificate(trust_domain: str, namespace: str) -> Callable[[Context, Node], tuple[str, str]]:
    """As by node id, where the peer's certificate is that of this node."""

    def identify(context: Context, node: Node) -> tuple[str, str]:
        view, name = by_node_id(context, node)
        if agent_id(trust_domain, namespace, name) not in spiffe_ids(context):
            raise Refused(f"{node.id} has no certificate of node {name}")
        return view, name

    return identify


def is_controller(trust_domain: str, namespace: str) -> Callable[[Context], bool]:
    """Whether the peer is a replica of ours."""
    wanted = controller_id(trust_domain, namespace)
    return lambda context: wanted in spiffe_ids(context)


def spiffe_ids(context: Context) -> frozenset[str]:
    """What the peer's verified certificate says; nothing without one."""
    found = context.auth_context()
    names = [
        *found.get("x509_subject_alternative_name", ()),
        *found.get("peer_uri", ()),
        *found.get("peer_spiffe_id", ()),
    ]
    return frozenset(name.decode() if isinstance(name, bytes) else str(name) for name in names)
