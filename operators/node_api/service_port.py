"""`ServicePort`s on their way from the controller to the agents: the IR's values as messages, and back."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from operators.ir.refs import ObjectRef, Origin
from operators.ir.services import Backend, Family, Frontend, Policy, Protocol, Scope, ServicePort, State
from operators.node_api import node_pb2 as pb

TYPE_URL = f"type.googleapis.com/{pb.ServicePort.DESCRIPTOR.full_name}"

_PROTOCOLS = {
    Protocol.TCP: pb.Protocol.PROTOCOL_TCP,
    Protocol.UDP: pb.Protocol.PROTOCOL_UDP,
    Protocol.SCTP: pb.Protocol.PROTOCOL_SCTP,
}
_SCOPES = {
    Scope.CLUSTER_IP: pb.Scope.SCOPE_CLUSTER_IP,
    Scope.LOAD_BALANCER: pb.Scope.SCOPE_LOAD_BALANCER,
    Scope.EXTERNAL_IP: pb.Scope.SCOPE_EXTERNAL_IP,
    Scope.NODE_PORT: pb.Scope.SCOPE_NODE_PORT,
}
_PROTOCOL_OF = {number: protocol for protocol, number in _PROTOCOLS.items()}
_SCOPE_OF = {number: scope for scope, number in _SCOPES.items()}


def encode(port: ServicePort) -> bytes:
    """The same bytes for the same value."""
    message = pb.ServicePort(
        namespace=port.service.namespace,
        service=port.service.name,
        name=port.name,
        port=port.port,
        protocol=_PROTOCOLS[port.protocol],
        ipv6=port.family is Family.IPV6,
        frontends=[_frontend(one) for one in port.frontends],
        backends=[_backend(one) for one in port.backends],
        health_check=port.health_check,
    )
    return message.SerializeToString(deterministic=True)


def decode(data: bytes) -> ServicePort:
    """The inverse of `encode`, but for the fields in which frontends were written. Raises DecodeError, ValueError."""
    message = pb.ServicePort.FromString(data)
    service = ObjectRef("Service", message.namespace, message.service)
    protocol = _PROTOCOL_OF[message.protocol]
    return ServicePort(
        service,
        message.name,
        message.port,
        protocol,
        Family.IPV6 if message.ipv6 else Family.IPV4,
        tuple(_frontend_of(one, protocol, service) for one in message.frontends),
        tuple(_backend_of(one, protocol) for one in message.backends),
        message.health_check,
    )


def _frontend(one: Frontend) -> pb.Frontend:
    return pb.Frontend(
        address=ip_address(one.address).packed,
        port=one.port,
        scope=_SCOPES[one.scope],
        inside_local=one.inside is Policy.LOCAL,
        outside_local=one.outside is Policy.LOCAL,
        affinity_seconds=one.affinity,
        sources=None if one.sources is None else pb.SourceRanges(prefixes=one.sources),
    )


def _frontend_of(one: pb.Frontend, protocol: Protocol, service: ObjectRef) -> Frontend:
    return Frontend(
        _address(one.address),
        one.port,
        protocol,
        _SCOPE_OF[one.scope],
        Origin(service, ""),
        _policy(local=one.inside_local),
        _policy(local=one.outside_local),
        one.affinity_seconds,
        tuple(one.sources.prefixes) if one.HasField("sources") else None,
    )


def _backend(one: Backend) -> pb.Backend:
    return pb.Backend(
        address=ip_address(one.address).packed,
        port=one.port,
        terminating=one.state is State.TERMINATING,
        node=one.node,
        zone=one.zone,
        for_zones=one.for_zones,
        for_nodes=one.for_nodes,
    )


def _backend_of(one: pb.Backend, protocol: Protocol) -> Backend:
    return Backend(
        _address(one.address),
        one.port,
        protocol,
        State.TERMINATING if one.terminating else State.ACTIVE,
        one.node,
        one.zone,
        tuple(one.for_zones),
        tuple(one.for_nodes),
    )


def _policy(*, local: bool) -> Policy:
    return Policy.LOCAL if local else Policy.CLUSTER


def _address(packed: bytes) -> str:
    """Raises ValueError for what is neither 4 nor 16 bytes."""
    return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))
