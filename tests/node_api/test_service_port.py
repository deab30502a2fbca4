"""What the controller says of a Service's port is what the agents understand."""

from hypothesis import given
from hypothesis import strategies as st

from operators.ir.refs import ObjectRef, Origin
from operators.ir.services import Backend, Family, Frontend, Policy, Protocol, Scope, ServicePort, State
from operators.node_api.service_port import decode, encode

SERVICE = ObjectRef("Service", "shop", "web")
NAMES = st.sampled_from(["", "a", "b"])
PORTS = st.integers(1, 65535)


@st.composite
def service_ports(draw) -> ServicePort:
    family = draw(st.sampled_from(Family))
    protocol = draw(st.sampled_from(Protocol))
    addresses = st.ip_addresses(v=6 if family is Family.IPV6 else 4).map(str)
    frontends = st.builds(
        Frontend,
        addresses,
        PORTS,
        st.just(protocol),
        st.sampled_from(Scope),
        st.just(Origin(SERVICE, "")),
        st.sampled_from(Policy),
        st.sampled_from(Policy),
        st.integers(0, 86400),
        st.one_of(st.none(), st.lists(st.sampled_from(["10.0.0.0/8", "192.0.2.0/24"])).map(tuple)),
    )
    hints = st.lists(st.sampled_from(["x", "y"])).map(tuple)
    backends = st.builds(
        Backend, addresses, PORTS, st.just(protocol), st.sampled_from(State), NAMES, NAMES, hints, hints
    )
    listed = st.lists(frontends, max_size=3).map(tuple), st.lists(backends, max_size=3).map(tuple)
    return ServicePort(SERVICE, draw(NAMES), draw(PORTS), protocol, family, *map(draw, listed), draw(PORTS))


@given(service_ports())
def test_a_port_comes_back_as_it_was(port: ServicePort):
    assert decode(encode(port)) == port
    assert encode(decode(encode(port))) == encode(port)
