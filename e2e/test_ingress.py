"""Every story of `e2e/ingress/`, applied to the cluster and asked from outside."""

from collections import Counter
from dataclasses import dataclass, field

import pytest

from e2e.certificates import tls_secret
from e2e.echo import echo
from e2e.fetch import Answer, TlsRefusedError, fetch
from e2e.lab import ClientNamespace, Cluster
from e2e.objects import apply, await_object, delete, meets
from e2e.stories import NAME, Story, load

NAMESPACE = "stories"


@dataclass
class Stage:
    """Where stories are played."""

    cluster: Cluster
    client: ClientNamespace
    gateway: str
    serials: dict[str, int] = field(default_factory=dict)

    def ask(self, url: str, method: str = "GET", send: dict[str, str] | None = None) -> Answer:
        return self.client.call(fetch, url, self.gateway, method=method, headers=send)


@pytest.fixture(scope="module")
def stage(tulle: Cluster, client: ClientNamespace):
    tulle.kubectl("create", "namespace", NAMESPACE)
    apply(tulle, NAMESPACE, [one for name in ("one", "two", "three") for one in echo(name)])
    for name in ("one", "two", "three"):
        tulle.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{name}", "--timeout=120s")
    pool = await_object(
        tulle, "default", "loadbalancerippool", "lab", lambda it: bool(it.get("status", {}).get("allocations"))
    )
    yield Stage(tulle, client, pool["status"]["allocations"][0]["address"])
    tulle.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def stories() -> list[Story]:
    return list(load({"namespace": NAMESPACE}))


@pytest.fixture
def played(stage: Stage, request: pytest.FixtureRequest):
    """The story, applied, and as its conditions want it."""
    story: Story = request.param
    made = [tls_secret(name, **what) for name, what in story.secrets.items()]
    stage.serials = {manifest["metadata"]["name"]: serial for manifest, serial in made}
    objects = [manifest for manifest, _ in made] + story.objects
    try:
        for one in objects:
            apply(stage.cluster, NAMESPACE, [one])
        apply(stage.cluster, NAMESPACE, [story.subject])
        await_object(stage.cluster, NAMESPACE, story.kind, NAME, lambda it: meets(it, story.conditions))
        yield story
    finally:
        delete(stage.cluster, NAMESPACE, [story.subject, *objects])


@pytest.mark.parametrize("played", stories(), indirect=True, ids=lambda story: story.id)
def test_story(stage: Stage, played: Story):
    wrong = {url: found for url, wanted in played.requests.items() if (found := play(stage, url, wanted))}
    assert wrong == {}
    if played.split:
        assert_split(stage, dict(played.split))


def play(stage: Stage, url: str, wanted: dict) -> dict:
    """What of the answer is not as wanted: field → what came instead."""
    try:
        answer = stage.ask(url, wanted.get("method", "GET"), wanted.get("send"))
    except TlsRefusedError:
        return {} if wanted.get("refused") else {"refused": True}
    return {
        name: found for name, expected in wanted.items() if (found := _found(stage, answer, name, expected)) != expected
    }


def _found(stage: Stage, answer: Answer, name: str, expected: object) -> object:
    match name:
        case "status":
            return answer.status
        case "service":
            return answer.service
        case "location":
            return answer.headers.get("location")
        case "certificate":
            return {serial: secret for secret, serial in stage.serials.items()}.get(answer.certificate_serial or 0)
        case "headers":
            seen = answer.seen.get("headers", {})
            return {one: _without_address(stage, seen.get(one)) for one in expected}
        case "responseHeaders":
            return {one: answer.headers.get(one.lower()) for one in expected}
        case "refused":
            return False
        case "method" | "send":
            return expected  # how it was asked
        case _:
            return answer.seen.get(name)


def _without_address(stage: Stage, value: str | None) -> str | None:
    """Stories do not know the client's address, so they call it `${client}`."""
    return "${client}" if value == stage.client.address else value


def assert_split(stage: Stage, split: dict) -> None:
    url, count = split.pop("url"), split.pop("requests")
    answers = [stage.ask(url) for _ in range(count)]
    shares = Counter(answer.service or str(answer.status) for answer in answers)
    assert set(shares) <= {name for name, (_, most) in split.items() if most > 0}
    for name, (least, most) in split.items():
        assert least <= shares[name] / count <= most, shares
