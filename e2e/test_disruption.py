"""What clients must not notice: under load from outside, parts are replaced and killed, pods come and go, routes change; no request fails."""

import itertools
import json
from collections.abc import Callable, Iterator

import pytest

from e2e.certificates import tls_secret
from e2e.echo import echo
from e2e.ingresses import ingress
from e2e.lab import ClientNamespace, Cluster
from e2e.load import Load
from e2e.objects import apply, await_object
from e2e.parts import SYSTEM, kill, names, replace
from e2e.served import address_of, served

NAMESPACE = "disruption"
HOST = "load.example"
Loading = Callable[..., Load]


@pytest.fixture(scope="module")
def loading(tulle: Cluster, client: ClientNamespace) -> Iterator[Loading]:
    """Makes a load of an Ingress with two pods behind it."""
    tulle.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")  # a run before us may just have left it
    tulle.kubectl("create", "namespace", NAMESPACE)
    secret, _ = tls_secret("load", [HOST])
    apply(tulle, NAMESPACE, [secret, *echo("one", 2), *echo("two"), ingress("load", HOST, {"/": "one"}, secret="load")])
    for name in ("one", "two"):
        tulle.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{name}", "--timeout=120s")
    found = await_object(tulle, NAMESPACE, "ingress", "load", served)
    address = address_of(found)

    def load(path: str = "/", options: tuple[str, ...] = (), rps: float = 200, connections: int = 8) -> Load:
        scheme, port = ("https", 443) if "-http2" in options else ("http", 80)
        url = f"{scheme}://{HOST}{path}"
        return Load(client, url, f"{address}:{port}", connections=connections, rps=rps, options=options)

    yield load
    tulle.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def assert_unnoticed(load: Load) -> None:
    assert load.summary.failed == 0, load.summary


@pytest.mark.parametrize("options", [(), ("-fresh",)], ids=["kept connections", "a connection per request"])
def test_a_rolling_update_of_the_backend(tulle: Cluster, loading: Loading, options: tuple[str, ...]):
    with loading(options=options) as load:
        replace(tulle, NAMESPACE, "deployment/one", "app=one")
    assert_unnoticed(load)
    assert len(load.summary.pods) >= 3, "old and new pods have answered"


def test_scaling_to_ten_and_back_to_one(tulle: Cluster, loading: Loading):
    with loading() as load:
        for count in (1, 10, 1, 2):
            before = names(tulle, NAMESPACE, "app=one")
            tulle.kubectl("-n", NAMESPACE, "scale", "deployment/one", f"--replicas={count}")
            tulle.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/one", "--timeout=120s")
            tulle.kubectl("-n", NAMESPACE, "wait", "--for=delete", *_going(tulle, before, count), "--timeout=120s")
    assert_unnoticed(load)


def _going(cluster: Cluster, before: list[str], count: int) -> list[str]:
    """The pods that were there and are being deleted; one name that nobody has, where none is."""
    if count >= len(before):
        return ["pod/none"]
    listed = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "pods", "-l", "app=one", "-o", "json"))["items"]
    ending = [f"pod/{one['metadata']['name']}" for one in listed if "deletionTimestamp" in one["metadata"]]
    return ending or ["pod/none"]


def test_twenty_changes_of_routes(tulle: Cluster, loading: Loading):
    """Of the very Ingress that is under load: its other paths move between two Services, and each change is waited for."""
    with loading() as load:
        for number, service in zip(range(20), itertools.cycle(("two", "one"))):
            paths = {"/": "one", "/other": service, f"/path-{number}": service}
            apply(tulle, NAMESPACE, [ingress("load", HOST, paths, secret="load")])
            await_object(tulle, NAMESPACE, "ingress", "load", served)
    assert_unnoticed(load)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        pytest.param("/", (), id="kept connections"),
        pytest.param("/", ("-fresh",), id="a connection per request"),
        pytest.param("/", ("-http2",), id="HTTP/2 over TLS"),
        pytest.param("/?delay=2s", (), id="answers that take two seconds"),
    ],
)
def test_envoy_is_replaced(tulle: Cluster, loading: Loading, path: str, options: tuple[str, ...]):
    rate = {"rps": 10.0, "connections": 40} if "delay" in path else {}
    with loading(path, options, **rate) as load:
        replace(tulle, SYSTEM, "daemonset/tulle-envoy", "app.kubernetes.io/component=envoy")
    assert_unnoticed(load)


def test_all_agents_are_killed(tulle: Cluster, loading: Loading):
    with loading(options=("-fresh",)) as load:
        kill(tulle, "agent", "daemonset/tulle-agent")
    assert_unnoticed(load)


def test_all_controllers_are_killed_and_configuration_resumes(tulle: Cluster, loading: Loading):
    with loading(options=("-fresh",)) as load:
        kill(tulle, "controller", "deployment/tulle-controller")
        apply(tulle, NAMESPACE, [ingress("load", HOST, {"/": "one", "/after": "two"}, secret="load")])
        await_object(tulle, NAMESPACE, "ingress", "load", served)
    assert_unnoticed(load)
