"""API objects → the little that ingress needs to know of them."""

from crds.core import EndpointSlice, IngressClass, Secret, Service, SliceEndpoint
from operators.ingress import tls
from operators.ingress.classes import DEFAULT_CLASS, ClassFacts
from operators.ingress.endpoints import SliceFacts, health
from operators.ingress.services import PortFacts, ServiceFacts, speaks
from operators.ir.routes import Endpoint


def class_facts(one: IngressClass, controller: str) -> ClassFacts:
    meta = one.metadata
    is_default = meta.annotations.get(DEFAULT_CLASS) == "true"
    return ClassFacts(meta.name, one.spec.controller == controller, is_default, meta.creation_timestamp)


def service_facts(service: Service) -> ServiceFacts:
    spec, meta = service.spec, service.metadata
    ports = tuple(
        PortFacts(port.port, port.name, speaks(port.app_protocol)) for port in spec.ports if port.protocol == "TCP"
    )
    external = (spec.external_name or "").rstrip(".") if spec.type == "ExternalName" else None
    return ServiceFacts(meta.namespace, meta.name, ports, external, _family(spec.cluster_ip))


def _family(cluster_ip: str | None) -> str | None:
    """Its first cluster address tells a Service's first family; a headless one does not say."""
    if not cluster_ip or cluster_ip == "None":
        return None
    return "IPv6" if ":" in cluster_ip else "IPv4"


def slice_facts(one: EndpointSlice) -> SliceFacts | None:
    """None for slices of names, which Kubernetes gave up before they meant anything."""
    if one.address_type == "FQDN":
        return None
    ports = tuple((port.name, port.port) for port in one.ports if port.port is not None and port.protocol == "TCP")
    endpoints = tuple(endpoint for part in one.endpoints for endpoint in _endpoints(part))
    return SliceFacts(one.key, one.service, one.address_type, ports, endpoints)


def _endpoints(part: SliceEndpoint) -> tuple[Endpoint, ...]:
    """Kubernetes says that all addresses of an endpoint are one pod's and to use the first."""
    conditions = part.conditions
    state = health(ready=conditions.ready, serving=conditions.is_serving, terminating=conditions.terminating)
    if state is None or not part.addresses:
        return ()
    return (Endpoint(part.addresses[0], 0, state, part.node_name, part.zone),)


def key_pair(name: str, secret: Secret) -> tls.KeyPair:
    return tls.key_pair(name, secret.type, secret.value(tls.CERTIFICATE), secret.value(tls.PRIVATE_KEY))
