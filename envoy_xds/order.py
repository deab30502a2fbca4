"""All that the server knows of types: which must be there before which (make before break), and their URLs.

An update of a type waits until what it may refer to is acknowledged; a removal waits until what may still refer to it is.
Endpoints wait for nobody: Envoy withholds the acknowledgement of clusters until they are warm, and warm needs endpoints.
"""

from typing import Protocol, cast

from envoy_xds.api import message, type_url

CDS = type_url("envoy.config.cluster.v3.Cluster")
EDS = type_url("envoy.config.endpoint.v3.ClusterLoadAssignment")
LDS = type_url("envoy.config.listener.v3.Listener")
RDS = type_url("envoy.config.route.v3.RouteConfiguration")
SDS = type_url("envoy.extensions.transport_sockets.tls.v3.Secret")

_ORDER = {CDS: 0, EDS: 1, SDS: 2, LDS: 3, RDS: 4}
_FREE = frozenset({CDS, EDS, SDS})
_USERS = {
    CDS: frozenset({LDS, RDS}),
    EDS: frozenset({CDS}),
    SDS: frozenset({CDS, LDS}),
    RDS: frozenset({LDS}),
}


def rank(type_: str) -> int:
    """Where a type stands in the order of sending; types we do not know come last."""
    return _ORDER.get(type_, len(_ORDER))


def waits_for(type_: str) -> frozenset[str]:
    """The types whose pending updates hold back an update of this type."""
    return frozenset() if type_ in _FREE else frozenset({CDS, EDS})


def used_by(type_: str) -> frozenset[str]:
    """The types that may refer to this one, so that its removals wait for their pending changes."""
    return _USERS.get(type_, frozenset())


class _EdsConfig(Protocol):
    service_name: str


class _Cluster(Protocol):
    name: str
    eds_cluster_config: _EdsConfig


def companion(type_: str, body: bytes) -> tuple[str, str] | None:
    """What a proxy must get again when a resource that it has changes.

    Envoy replaces a changed cluster by a new one that waits for endpoints, but does not ask for them, as it is subscribed
    already. So whoever changes a cluster sends its endpoints once more.
    """
    if type_ != CDS:
        return None
    cluster = cast("_Cluster", message("envoy.config.cluster.v3.Cluster").FromString(body))
    return EDS, cluster.eds_cluster_config.service_name or cluster.name
