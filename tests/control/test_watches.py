"""Watches on a real API server: what happens there is here soon, whatever happens to the connections in between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from operators.freshness import Probe, StaleError
from operators.kube import Kube, KubeError, Path
from tests.apiserver import USER
from tests.control.operator_under_test import CONFIG_MAPS, Operator, probing, running
from tests.control.wire import Wire


async def put(kube: Kube, namespace: str, name: str, text: str) -> str:
    body = {"metadata": {"name": name}, "data": {"text": text}}
    try:
        await kube.create(CONFIG_MAPS.url(namespace), body)
    except KubeError as error:
        if error.status != 409:
            raise
        await kube.patch(CONFIG_MAPS.url(namespace, name), body)
    return f"{namespace}/{name}"


@pytest.fixture
def through_the_wire(credentials) -> None:
    """Kopf connects through the wire, the test does not."""


async def test_everything_listed_is_one_commit_and_nothing_comes_before(
    kube: Kube, namespace: str, through_the_wire
) -> None:
    keys = [await put(kube, namespace, f"text-{number}", "x") for number in range(40)]

    async with running(kube) as operator:
        assert set(keys) <= set(operator.commits[0].upserts)
        assert not operator.errors


async def test_additions_changes_and_deletions_arrive(kube: Kube, namespace: str, through_the_wire) -> None:
    async with running(kube) as operator:
        key = await put(kube, namespace, "text", "one")
        await operator.until(lambda: operator.text(key) == "one")
        await put(kube, namespace, "text", "two")
        await operator.until(lambda: operator.text(key) == "two")
        await kube.delete(CONFIG_MAPS.url(namespace, "text"))
        await operator.until(lambda: operator.text(key) is None)


async def test_nothing_is_written_to_what_is_watched(kube: Kube, namespace: str, through_the_wire) -> None:
    async with running(kube) as operator:
        key = await put(kube, namespace, "text", "one")
        await operator.until(lambda: operator.text(key) == "one")
    found = await kube.get(CONFIG_MAPS.url(namespace, "text"))

    assert set(found["metadata"]) == {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "managedFields",
    }
    assert len(found["metadata"]["managedFields"]) == 1


async def test_an_object_that_is_not_understood_keeps_its_last_good_version(
    kube: Kube, namespace: str, through_the_wire
) -> None:
    async with running(kube) as operator:
        key = await put(kube, namespace, "text", "good")
        await operator.until(lambda: operator.text(key) == "good")
        await put(kube, namespace, "text", "bad")
        await operator.until(lambda: key in operator.invalid)
        assert operator.text(key) == "good"
        await put(kube, namespace, "text", "better")
        await operator.until(lambda: operator.text(key) == "better")

        assert key not in operator.invalid


async def test_deleted_and_created_again_is_the_new_one(kube: Kube, namespace: str, through_the_wire) -> None:
    async with running(kube) as operator:
        for number in range(20):
            key = await put(kube, namespace, "text", f"{number}")
            await kube.delete(CONFIG_MAPS.url(namespace, "text"))
        await put(kube, namespace, "text", "last")
        await operator.until(lambda: operator.text(key) == "last")
        await put(kube, namespace, "other", "")
        await operator.until(lambda: operator.text(f"{namespace}/other") == "")

        assert operator.text(key) == "last"


async def test_what_the_selector_leaves_out_is_not_watched_nor_missed(
    kube: Kube, namespace: str, through_the_wire
) -> None:
    await put(kube, namespace, "hidden", "x")
    async with running(kube, limit=0.001, fields="metadata.name!=hidden") as operator, probing(operator) as probes:
        await put(kube, namespace, "hidden", "y")
        key = await put(kube, namespace, "text", "x")
        await operator.until(lambda: operator.text(key) == "x")
        assert operator.text(f"{namespace}/hidden") is None
        await Probe(kube, operator.watch, 0.001).round()

        assert not probes.done()


async def test_a_cut_watch_is_made_again(kube: Kube, namespace: str, wire: Wire, through_the_wire) -> None:
    async with running(kube) as operator:
        for number in range(3):
            wire.cut()
            key = await put(kube, namespace, "text", str(number))
            await operator.until(lambda number=number, key=key: operator.text(key) == str(number))

        assert not operator.errors


async def test_an_api_server_that_is_killed_and_started_again_is_caught_up_with(
    api, kube: Kube, namespace: str, through_the_wire
) -> None:
    async with running(kube) as operator, probing(operator) as probes:
        key = await put(kube, namespace, "text", "before")
        gone = await put(kube, namespace, "gone", "before")
        await operator.until(lambda: operator.text(gone) == "before")
        api.kill()
        await asyncio.to_thread(api.start)
        await kube.delete(CONFIG_MAPS.url(namespace, "gone"))
        await put(kube, namespace, "text", "after")
        await operator.until(lambda: operator.text(key) == "after" and operator.text(gone) is None)

        assert not probes.done()
        assert not operator.errors


async def test_who_comes_back_with_a_version_that_is_too_old_starts_anew(
    api, kube: Kube, namespace: str, wire: Wire, through_the_wire, caplog
) -> None:
    """The API server remembers nothing of before its start, so a watch from before is answered with 410."""
    caplog.set_level("DEBUG", "kopf")
    async with running(kube) as operator, probing(operator):
        key = await put(kube, namespace, "text", "before")
        gone = await put(kube, namespace, "gone", "before")
        await operator.until(lambda: operator.text(gone) == "before")
        wire.refuse()
        await kube.delete(CONFIG_MAPS.url(namespace, "gone"))
        await put(kube, namespace, "text", "after")
        api.kill()
        await asyncio.to_thread(api.start)
        wire.accept()
        await operator.until(lambda: operator.text(key) == "after" and operator.text(gone) is None)

    assert "Restarting the watch-stream for configmaps.v1" in caplog.text


async def test_a_deletion_that_no_event_tells_is_found_by_probing(kube: Kube, namespace: str, through_the_wire) -> None:
    async with running(kube) as operator:
        operator.watch.put(
            {"metadata": {"namespace": namespace, "name": "ghost", "resourceVersion": "1"}, "data": {"text": "boo"}}
        )
        operator.driver.touch()
        await operator.until(lambda: operator.text(f"{namespace}/ghost") == "boo")
        async with probing(operator):
            await operator.until(lambda: operator.text(f"{namespace}/ghost") is None)


async def test_a_silent_watch_ends_the_probes_loudly(kube: Kube, namespace: str, wire: Wire, through_the_wire) -> None:
    async with running(kube, limit=1.0) as operator, probing(operator) as probes:
        wire.freeze()
        await put(kube, namespace, "text", "unseen")
        with pytest.raises(ExceptionGroup) as caught:
            await asyncio.wait_for(asyncio.shield(probes), 30)

    assert caught.group_contains(StaleError, match=f"misses version .* of {namespace}/text")


async def test_probing_costs_a_page_at_a_time_and_finds_nothing_wrong_where_nothing_is(
    kube: Kube, namespace: str, through_the_wire, monkeypatch
) -> None:
    monkeypatch.setattr("operators.freshness.PAGE", 10)
    for number in range(25):
        await put(kube, namespace, f"text-{number}", "x")
    async with running(kube) as operator:
        probe = Probe(kube, operator.watch, 0.001)
        rounds = [await probe.page() for _ in range(9)]

    assert True in rounds
    assert rounds[:2] == [False, False]


async def test_who_may_not_list_any_more_is_told_after_the_limit(api, kube: Kube, namespace: str, monkeypatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(token="user-token")))
    times = iter([1.0, 61.0, 61.1])
    async with await Kube.connect() as stranger:
        probe = Probe(stranger, Operator(kube, 1, 1).watch, 60.0, lambda: next(times))
        for _ in range(2):
            with pytest.raises(KubeError, match="forbidden"):
                await probe.page()
        with pytest.raises(StaleError, match="may not be listed"):
            await probe.page()


@asynccontextmanager
async def granted(kube: Kube) -> AsyncIterator[None]:
    """The user may do everything."""
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": "user"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "user"}],
    }
    url = f"/apis/{group}/v1/clusterrolebindings"
    await kube.create(url, binding)
    try:
        yield
    finally:
        await kube.delete(f"{url}/user")


@pytest.fixture
def as_the_user(api, wire: Wire, monkeypatch) -> None:
    """Kopf connects through the wire, as someone whose rights can be taken away."""
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(wire.port, USER)))


async def test_a_watch_that_was_forbidden_goes_on_when_it_is_allowed_again(
    kube: Kube, namespace: str, wire: Wire, as_the_user, caplog
) -> None:
    caplog.set_level("DEBUG", "kopf")
    async with contextlib.AsyncExitStack() as stack:
        async with granted(kube):
            operator = await stack.enter_async_context(running(kube))
            key = await put(kube, namespace, "text", "before")
            await operator.until(lambda: operator.text(key) == "before")
        await put(kube, namespace, "text", "meanwhile")
        await cut_until_said(wire, caplog, "APIForbiddenError")
        async with granted(kube):
            await operator.until(lambda: operator.text(key) == "meanwhile")

        assert not operator.errors


async def test_an_api_server_that_asks_for_patience_is_caught_up_with(
    kube: Kube, namespace: str, wire: Wire, as_the_user, caplog
) -> None:
    """429 to all that the user asks, as of an overloaded server."""
    caplog.set_level("DEBUG", "kopf")
    async with granted(kube), running(kube) as operator:
        key = await put(kube, namespace, "text", "before")
        await operator.until(lambda: operator.text(key) == "before")
        async with rejected(kube):
            await put(kube, namespace, "text", "meanwhile")
            await cut_until_said(wire, caplog, "APITooManyRequestsError")
        await operator.until(lambda: operator.text(key) == "meanwhile")

        assert not operator.errors


@asynccontextmanager
async def rejected(kube: Kube) -> AsyncIterator[None]:
    """By API Priority and Fairness: the user's requests are of a level that has no seats, whose every request is refused."""
    group, version = "flowcontrol.apiserver.k8s.io", "v1"
    limited = {"nominalConcurrencyShares": 0, "lendablePercent": 0, "limitResponse": {"type": "Reject"}}
    level = {"metadata": {"name": "none"}, "spec": {"type": "Limited", "limited": limited}}
    rule = {
        "subjects": [{"kind": "User", "user": {"name": "user"}}],
        "resourceRules": [
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]}
        ],
    }
    schema = {
        "metadata": {"name": "user"},
        "spec": {"priorityLevelConfiguration": {"name": "none"}, "matchingPrecedence": 2, "rules": [rule]},
    }
    made = {"prioritylevelconfigurations": level, "flowschemas": schema}
    for plural, body in made.items():
        await kube.create(Path(group, version, plural).url(), body)
    try:
        yield
    finally:
        for plural, body in reversed(made.items()):
            await kube.delete(Path(group, version, plural).url(name=body["metadata"]["name"]))


async def cut_until_said(wire: Wire, caplog, words: str) -> None:
    """The API server learns of its new rules some time after it took them, so one cut may come too early."""
    async with asyncio.timeout(60):
        while words not in caplog.text:
            wire.cut()
            await asyncio.sleep(0.2)
