"""The wiring: incremental equals rebuilt, nothing raises, and a change costs what it touches."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.ingress.certificates import Clock
from operators.ingress.options import IngressSettings
from operators.ir.problems import Reason
from operators.ir.show import show
from operators.settings import Exposure, Settings
from tests.ingress.certificates import NOW, secret
from tests.ingress.strategies import ANY_OBJECT
from tests.ingress.world import FIELDS, TABLES, World, world

CLASS = {"kind": "IngressClass", "metadata": {"name": "tulle"}, "spec": {"controller": "tulle.dev/ingress"}}
ALL_TABLES = (*TABLES, "problems", "objects")


def state(one: World) -> dict:
    return {name: getattr(one.mesh, name).values() for name in ALL_TABLES}


def key_of(body: dict) -> str:
    meta = body["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]


STEPS = st.lists(st.lists(st.tuples(ANY_OBJECT, st.integers(0, 3)), min_size=1, max_size=4), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(STEPS)
def test_incremental_equals_rebuilt(steps):
    """One object in four is deleted again; every step is a commit."""
    incremental = World.of()
    incremental.set(CLASS)
    there = {("IngressClass", "tulle"): CLASS}
    for step in steps:
        for body, dice in step:
            key = (body["kind"], key_of(body))
            if dice == 0:
                there.pop(key, None)
                incremental.delete(*key)
            else:
                there[key] = body
                incremental.set(body)
        incremental.commit()

        assert state(incremental) == state(world(*there.values()))
        show(incremental.tables())


def ingress(name, host, service="one", **spec):
    backend = {"service": {"name": service, "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    return {
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"ingressClassName": "tulle", "rules": [{"host": host, "http": {"paths": paths}}]} | spec,
    }


def service(name, **more):
    return {
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"} | more,
        "spec": {"ports": [{"port": 80}]},
    }


def endpoint_slice(service_name, *addresses, name=None):
    return {
        "kind": "EndpointSlice",
        "metadata": {
            "name": name or f"{service_name}-a",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": service_name},
        },
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": [address]} for address in addresses],
    }


@pytest.fixture
def many() -> World:
    """Thirty hosts, each with TLS, a Service and a slice; five share one Service."""
    made = World.of(IngressSettings(exposure=Exposure.NODE_PORT))
    made.sources.clock.set(Clock(NOW))
    made.set(CLASS, service("shared"), endpoint_slice("shared", "10.0.0.1"))
    for number in range(30):
        name = f"app-{number}"
        host = f"{name}.example"
        made.set(
            service(name),
            endpoint_slice(name, f"10.1.0.{number}"),
            secret(name, [host]),
            ingress(name, host, "shared" if number < 5 else name, tls=[{"hosts": [host], "secretName": name}]),
        )
    made.commit()
    return made


def cost(made: World) -> dict[str, int]:
    """What a commit recomputes, by collection."""
    before = {one.name: one.stats.recomputed for one in made.graph.collections}
    made.commit()
    after = {one.name: one.stats.recomputed for one in made.graph.collections}
    return {name: count - before[name] for name, count in after.items() if count != before[name]}


def changed(made: World) -> dict[str, set[str]]:
    """What a commit changes, by table."""
    seen: dict[str, set[str]] = {}
    for name in ALL_TABLES:
        table = getattr(made.mesh, name)
        known = dict.fromkeys(value.key for value in table.values())
        table.subscribe(
            lambda changes, name=name, known=known: seen.setdefault(name, set()).update(changes) if known else None
        )
    seen.clear()
    made.commit()
    return seen


def test_an_endpoint_touches_its_endpoints_only(many):
    many.set(endpoint_slice("app-7", "10.1.0.7", "10.1.0.77"))

    assert changed(many) == {"endpoints": {"default/app-7:"}}


def test_an_endpoint_of_a_service_that_nobody_uses_is_not_read(many):
    many.set(service("unused"), endpoint_slice("unused", "10.9.0.1"))

    assert cost(many) == {"Service": 1, "services": 1, "EndpointSlice": 1, "slices": 1}
    assert changed(many) == {}


def test_a_secret_touches_its_certificate_only(many):
    many.set(secret("app-7", ["app-7.example"], days=20))

    assert changed(many) == {"certificates": {"default/app-7"}}


def test_a_secret_that_nobody_names_is_not_read(many):
    many.set(secret("unused", ["a.example"]))

    assert cost(many) == {"Secret": 1}


def test_a_service_that_goes_touches_the_hosts_that_lead_there(many):
    many.delete("Service", "default/app-7")

    assert changed(many) == {
        "virtual_hosts": {"shared/http/app-7.example", "shared/https/app-7.example"},
        "clusters": {"default/app-7:80"},
        "endpoints": {"default/app-7:"},
        "problems": {"Ingress default/app-7"},
    }


def test_a_service_whose_labels_change_touches_nothing(many):
    many.set(service("app-7", labels={"a": "b"}))

    assert cost(many) == {"Service": 1, "services": 1}


def test_an_ingress_touches_its_hosts_only(many):
    many.set(ingress("app-7", "new.example", "app-8"))

    assert changed(many) == {
        "virtual_hosts": {"shared/http/app-7.example", "shared/https/app-7.example", "shared/http/new.example"},
        "tls_hosts": {"shared/app-7.example"},
        "certificates": {"default/app-7"},
        "clusters": {"default/app-7:80", "default/app-8:80"},
        "endpoints": {"default/app-7:"},
    }


def test_an_ingress_costs_the_same_among_many(many):
    many.set(ingress("app-7", "app-7.example", "app-8"))

    assert max(cost(many).values()) <= 2


def test_a_class_that_goes_takes_its_objects_along(many):
    many.delete("IngressClass", "tulle")
    many.commit()

    assert [name for name, values in state(many).items() if values] == ["gateways"]


def test_time_passes_for_certificates(many):
    many.set(secret("app-7", ["app-7.example"], days=20))
    many.commit()
    assert many.problems(key="default/app-7") == ()

    many.sources.clock.set(Clock(NOW + timedelta(days=21)))
    many.commit()

    assert [problem.reason for problem in many.problems(key="default/app-7")] == [Reason.INVALID_CERTIFICATE]


def test_every_kind_has_a_source():
    assert set(FIELDS.values()) < set(World.of().sources.__slots__)


def test_secrets_do_not_print(many):
    text = show(many.tables()) + repr(state(many))

    assert "PRIVATE KEY" not in text


@pytest.mark.parametrize(
    ("exposure", "ports"), [("LoadBalancer", (80, 443)), ("NodePort", (30080, 30443)), ("HostNetwork", (80, 443))]
)
def test_the_ports_of_an_exposure(exposure, ports):
    chosen = IngressSettings.of(Settings(exposure=exposure))

    assert (chosen.http_port, chosen.https_port) == ports
