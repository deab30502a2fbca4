"""Minutes of failures in random order, under load: no request fails, and after each failure a change is served everywhere.

`TULLE_SOAK_SECONDS` (600) says how long, `TULLE_SOAK_SEED` which order; the seed is printed.
"""

import os
import random
import time
from collections.abc import Callable, Iterator

import pytest

from e2e.echo import echo
from e2e.ingresses import ingress
from e2e.lab import ClientNamespace, Cluster
from e2e.load import Load
from e2e.objects import apply, await_object, conditions
from e2e.parts import SYSTEM, kill, names, replace
from e2e.served import address_of, served

SECONDS = float(os.environ.get("TULLE_SOAK_SECONDS", "600"))
SEED = int(os.environ.get("TULLE_SOAK_SEED", time.time_ns() % 100_000))
NAMESPACE = "chaos"
HOST = "chaos.example"
BEYOND_KUBELET = 180.0  # a kubelet brings a changed ConfigMap to its pods within a minute and a half

pytestmark = [pytest.mark.soak, pytest.mark.timeout(SECONDS + 900)]


class Failures:
    """What can go wrong in a cluster without its users being allowed to notice."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self._cluster = cluster
        self._chance = chance

    def a_controller_dies(self) -> None:
        self._delete(self._chance.choice(names(self._cluster, SYSTEM, "app.kubernetes.io/component=controller")))
        self._cluster.kubectl("-n", SYSTEM, "rollout", "status", "deployment/tulle-controller", "--timeout=180s")

    def all_controllers_die(self) -> None:
        kill(self._cluster, "controller", "deployment/tulle-controller")

    def all_agents_die(self) -> None:
        kill(self._cluster, "agent", "daemonset/tulle-agent")

    def the_api_server_restarts(self) -> None:
        self._cluster.stop_api_server()
        self._cluster.start_api_server()

    def envoy_is_replaced(self) -> None:
        replace(self._cluster, SYSTEM, "daemonset/tulle-envoy", "app.kubernetes.io/component=envoy")

    def the_backend_is_replaced(self) -> None:
        replace(self._cluster, NAMESPACE, "deployment/one", "app=one")

    def an_expression_is_refused_for_every_host(self) -> None:
        rule = {"path": "/[a-z]{900}", "pathType": "ImplementationSpecific"}
        rule["backend"] = {"service": {"name": "one", "port": {"number": 80}}}
        bad = {
            "apiVersion": "tulle.dev/v1alpha1",
            "kind": "CiliumIngress",
            "metadata": {"name": "refused"},
            "spec": {"rules": [{"http": {"paths": [rule]}}]},
        }
        apply(self._cluster, NAMESPACE, [bad])
        await_object(self._cluster, NAMESPACE, "ciliumingress", "refused", _is_refused)
        self._cluster.kubectl("-n", NAMESPACE, "delete", "ciliumingress", "refused")

    def many_objects_come_and_go(self) -> None:
        many = [ingress(f"many-{number}", f"many-{number}.example", {"/": "two"}) for number in range(50)]
        apply(self._cluster, NAMESPACE, many)
        for one in many:
            await_object(self._cluster, NAMESPACE, "ingress", one["metadata"]["name"], served)
        self._cluster.kubectl("-n", NAMESPACE, "delete", "ingress", *(one["metadata"]["name"] for one in many))

    def _delete(self, pod: str) -> None:
        self._cluster.kubectl("-n", SYSTEM, "delete", "--grace-period=0", "--force", pod)

    def all(self) -> list[Callable[[], None]]:
        return [getattr(self, name) for name in vars(Failures) if not name.startswith("_") and name != "all"]


def _is_refused(found: dict) -> bool:
    return conditions(found).get("Programmed", {}).get("reason") == "EnvoyRejected"


@pytest.fixture
def address(tulle: Cluster) -> Iterator[str]:
    """Of an Ingress with two pods behind it."""
    tulle.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    tulle.kubectl("create", "namespace", NAMESPACE)
    apply(tulle, NAMESPACE, [*echo("one", 2), *echo("two"), ingress("load", HOST, {"/": "one"})])
    for name in ("one", "two"):
        tulle.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{name}", "--timeout=120s")
    yield address_of(await_object(tulle, NAMESPACE, "ingress", "load", served))
    tulle.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def change(cluster: Cluster, number: int, patience: float = 120.0) -> float:
    """A change of the object under load; seconds until every proxy serves it."""
    paths = {"/": "one", f"/path-{number}": ("one", "two")[number % 2]}
    begun = time.monotonic()
    apply(cluster, NAMESPACE, [ingress("load", HOST, paths)])
    await_object(cluster, NAMESPACE, "ingress", "load", served, patience)
    return time.monotonic() - begun


def test_nobody_notices(tulle: Cluster, client: ClientNamespace, address: str, capsys):
    chance = random.Random(SEED)
    rounds = _rounds(Failures(tulle, chance).all(), chance)
    begun, number = time.monotonic(), 0
    with Load(client, f"http://{HOST}/", f"{address}:80", rps=100, options=("-fresh",), longest=SECONDS + 600) as load:
        while time.monotonic() < begun + SECONDS:
            failure = next(rounds)
            failure()
            number += 1
            seconds = change(tulle, number)
            with capsys.disabled():
                print(
                    f"\n{time.monotonic() - begun:5.0f} s  {failure.__name__}: a change is served after {seconds:.1f} s"
                )

    with capsys.disabled():
        print(f"\nseed {SEED}: {number} failures, {load.summary.requests} requests, {load.summary.failed} failed")
    assert load.summary.failed == 0, (SEED, load.summary)


def _rounds(failures: list[Callable[[], None]], chance: random.Random) -> Iterator[Callable[[], None]]:
    """Each once in random order, then again."""
    while True:
        chance.shuffle(failures)
        yield from failures


def test_a_lost_authority_is_replaced_and_nobody_notices(tulle: Cluster, client: ClientNamespace, address: str, capsys):
    """The mesh's CA is deleted and all controllers die: they make another, which agents and proxies come to trust."""
    before = _bundle(tulle)
    with Load(client, f"http://{HOST}/", f"{address}:80", rps=100, options=("-fresh",), longest=600) as load:
        tulle.kubectl("-n", SYSTEM, "delete", "secret", "tulle-ca")
        kill(tulle, "controller", "deployment/tulle-controller")
        seconds = change(tulle, 1, patience=BEYOND_KUBELET)

    with capsys.disabled():
        print(f"\nanother CA: a change is served after {seconds:.1f} s")
    assert load.summary.failed == 0, load.summary
    assert _bundle(tulle) != before


def _bundle(cluster: Cluster) -> str:
    return cluster.kubectl("-n", SYSTEM, "get", "configmap", "tulle-ca-bundle", "-o", "jsonpath={.data}")
