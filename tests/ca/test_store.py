"""The CA in the cluster: made once however many replicas start, taken as given, rotated while running."""

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from cluster import Cluster

from operators.ca.authority import make_root, pem
from operators.ca.given import UnusableAuthority, dump
from operators.ca.live import LiveAuthority
from operators.ca.store import Store
from operators.kube import KubeError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "/api/v1/namespaces/tulle-system/secrets/tulle-ca"
CONFIG_MAP = "/api/v1/namespaces/tulle-system/configmaps/tulle-ca-bundle"


def store(cluster) -> Store:
    return Store(cluster, "tulle-system", "cluster.local")


def put(cluster, data) -> None:
    cluster.objects[SECRET] = {"data": {name: b64encode(value).decode() for name, value in data.items()}}


async def live(cluster) -> LiveAuthority:
    one = LiveAuthority(store(cluster), lambda: NOW, lambda: 0)
    await one.load()
    return one


async def test_two_replicas_have_one_root():
    cluster = Cluster()
    first = await store(cluster).load(NOW)
    cluster.hidden.add(SECRET)
    second = await store(cluster).load(NOW)

    assert first.certificate == second.certificate
    assert cluster.writes == [SECRET]


async def test_a_given_ca_is_used():
    cluster, given = Cluster(), make_root("corp", NOW)
    put(cluster, dump(given))

    assert (await store(cluster).load(NOW)).certificate == given.certificate
    assert not cluster.writes


@pytest.mark.parametrize("data", [{"tls.crt": "%%%"}, {}, None])
async def test_a_broken_secret_is_named(data):
    cluster = Cluster()
    cluster.objects[SECRET] = {"data": data}
    with pytest.raises(UnusableAuthority, match="Secret tulle-system/tulle-ca: "):
        await store(cluster).load(NOW)


async def test_roots_are_published_and_written_only_when_they_differ():
    cluster = Cluster()
    authority = await live(cluster)
    await authority.refresh()

    assert cluster.objects[CONFIG_MAP]["data"] == {"ca.crt": authority.authority.bundle.decode()}
    assert cluster.writes == [SECRET, CONFIG_MAP]


async def test_a_bundle_that_another_replica_published_first_is_no_error():
    cluster = Cluster()
    await live(cluster)
    cluster.hidden.add(CONFIG_MAP)
    await live(cluster)


async def test_a_rotated_ca_is_taken_up_and_told():
    cluster = Cluster()
    authority = await live(cluster)
    told = []
    authority.changed = lambda: told.append(authority.authority.bundle)
    old, new = authority.authority, make_root("cluster.local", NOW)
    put(cluster, dump(old) | {"ca.crt": old.bundle + pem(new.certificate)})
    await authority.refresh()
    await authority.refresh()

    assert told == [b"".join(sorted([pem(old.certificate), pem(new.certificate)]))]
    assert cluster.objects[CONFIG_MAP]["data"]["ca.crt"].encode() == told[0]


async def test_a_ca_that_becomes_unusable_or_unreadable_stays_in_force(monkeypatch):
    cluster = Cluster()
    authority = await live(cluster)
    before = authority.authority
    put(cluster, {"tls.crt": b"noise"})
    await authority.refresh()

    async def unreachable(*_):
        raise KubeError(503, "ServiceUnavailable", "etcd")

    monkeypatch.setattr(cluster, "get", unreachable)
    await authority.refresh()

    assert authority.authority is before
