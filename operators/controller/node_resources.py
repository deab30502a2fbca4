"""Address assignments → what each node's agent is told, in the view of its node only."""

from collections import defaultdict

from envoy_xds.cache import Views
from envoy_xds.resource import Resource, simple
from operators.collections import Changes
from operators.controller.presence import NODE_VIEW
from operators.ir.addresses import AddressAssignment
from operators.ir.refs import ObjectRef
from operators.node_api.node_pb2 import Address

TYPE_URL = f"type.googleapis.com/{Address.DESCRIPTOR.full_name}"


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
    message = Address(address=one.address, interface=one.interface, owner=one.owner)
    origins = frozenset({ObjectRef("Address", "", one.address)})  # so that the ledger knows when it is announced
    return simple(TYPE_URL, one.address, message.SerializeToString(deterministic=True), origins)
