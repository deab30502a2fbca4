"""The IR's tables → what agents are told: each in the view of its node, or all alike in the mesh's."""

from collections import defaultdict

from envoy_xds.cache import Views
from envoy_xds.resource import Resource, simple
from operators.collections import Changes
from operators.controller.presence import MESH_VIEW, NODE_VIEW
from operators.ir.addresses import AddressAssignment
from operators.ir.refs import ObjectRef
from operators.ir.services import Place, ServicePort
from operators.node_api import node_pb2 as pb
from operators.node_api import service_port

TYPE_URL = f"type.googleapis.com/{pb.Address.DESCRIPTOR.full_name}"
PLACE_URL = f"type.googleapis.com/{pb.Place.DESCRIPTOR.full_name}"


class NodeResources:
    def __init__(self, views: Views) -> None:
        self._views = views
        self._nodes: dict[str, str] = {}  # address → node that was told to hold it

    def __call__(self, changes: Changes[AddressAssignment]) -> None:
        """Subscribe this to the assignments."""
        removes: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        upserts: defaultdict[str, list[Resource]] = defaultdict(list)
        for address in changes:
            one = changes.upserts.get(address)
            before, after = self._nodes.pop(address, ""), one.node if one else ""
            if before and before != after:
                removes[before].append((TYPE_URL, address))
            if one and after:
                upserts[after].append(encode(one))
                self._nodes[address] = after
        for node in sorted(removes.keys() | upserts.keys()):
            self._views.cache(NODE_VIEW + node).apply(upserts[node], removes[node])


def encode(one: AddressAssignment) -> Resource:
    message = pb.Address(address=one.address, interface=one.interface, owner=one.owner)
    origins = frozenset({ObjectRef("Address", "", one.address)})  # so that the ledger knows when it is announced
    return simple(TYPE_URL, one.address, message.SerializeToString(deterministic=True), origins)


class Places:
    """Subscribe this to the places of nodes."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def __call__(self, changes: Changes[Place]) -> None:
        for node, place in changes.upserts.items():
            message = pb.Place(zone=place.zone, addresses=place.addresses)
            body = message.SerializeToString(deterministic=True)
            self._views.cache(NODE_VIEW + node).apply([simple(PLACE_URL, node, body, frozenset())])
        for node in changes.deletes:
            self._views.cache(NODE_VIEW + node).apply([], [(PLACE_URL, node)])


class ServicePorts:
    """Subscribe this to the ports of Services."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def __call__(self, changes: Changes[ServicePort]) -> None:
        upserts = [
            simple(service_port.TYPE_URL, key, service_port.encode(port), frozenset({port.service}))
            for key, port in changes.upserts.items()
        ]
        removes = [(service_port.TYPE_URL, key) for key in changes.deletes]
        self._views.cache(MESH_VIEW).apply(upserts, removes)
