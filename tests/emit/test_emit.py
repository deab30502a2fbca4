"""The emitter without Envoy: after any changes it has published what it would publish from nothing, and no more than once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from envoy_xds.attempts import Attempts
from envoy_xds.cache import Cache
from envoy_xds.emit import emit
from envoy_xds.listeners import routes_name
from envoy_xds.order import CDS, EDS, LDS, RDS, SDS
from envoy_xds.resource import Resource
from operators.ir.refs import ObjectRef, Origin
from operators.ir.routes import (
    ANY_HOST,
    Certificate,
    Cluster,
    DnsBackend,
    EdsBackend,
    Endpoint,
    Endpoints,
    Gateway,
    Match,
    PrefixPath,
    Redirect,
    Scheme,
    TlsHost,
    VirtualHost,
)
from tests.emit.tables import OWNER, World, host, route, upstream

PREFIX = Match(PrefixPath("/"))
TYPES = (CDS, EDS, SDS, LDS, RDS)
NAMES = st.sampled_from(["a", "b"])
HOSTS = st.sampled_from(["a.example", "*.example", "*.a.example", ANY_HOST])
GATEWAYS = st.sampled_from(["shared", "other"])
ADDRESSES = st.lists(st.sampled_from(["192.0.2.1", "2001:db8::1"]), unique=True, max_size=2).map(tuple)
ROUTES = st.lists(
    st.builds(route, st.builds(Match, st.sampled_from([PrefixPath("/"), PrefixPath("/x")])), NAMES), max_size=2
).map(tuple)
ROWS = {
    "gateways": st.builds(Gateway, GATEWAYS, ADDRESSES),
    "virtual_hosts": st.builds(VirtualHost, GATEWAYS, st.sampled_from(Scheme), HOSTS, ROUTES, ROUTES),
    "tls_hosts": st.builds(TlsHost, GATEWAYS, HOSTS, st.lists(NAMES, unique=True, max_size=2).map(tuple)),
    "certificates": st.builds(Certificate, NAMES, st.just(b"chain"), st.sampled_from([b"key", b"other"])),
    "clusters": st.builds(Cluster, NAMES, st.sampled_from([EdsBackend("a"), DnsBackend("a.example", 80)])),
    "endpoints": st.builds(
        Endpoints, NAMES, st.lists(st.builds(Endpoint, st.just("192.0.2.9"), st.just(1))).map(tuple)
    ),
}
CHANGES = st.one_of([st.tuples(st.just(table), row, st.booleans()) for table, row in ROWS.items()])


def published(cache: Cache) -> dict[tuple[str, str], bytes]:
    return {(kind, name): entry.resource.body() for kind in TYPES for name, entry in cache.entries(kind).items()}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CHANGES, max_size=4), max_size=6))
def test_changes_lead_to_what_a_rebuild_makes(commits):
    world, cache, rebuilt = World(), Cache("ingress"), Cache("ingress")
    world.into(cache)
    for commit in commits:
        for table, row, gone in commit:
            source = getattr(world, table)
            source.delete(row.key) if gone else source.set(row)
        world.graph.commit()
    world.into(rebuilt)

    assert published(cache) == published(rebuilt)


class Applied(Cache):
    """Remembers what was applied."""

    def __init__(self) -> None:
        super().__init__("ingress")
        self.calls: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]] = []

    def apply(self, upserts, removes=()) -> None:
        upserts, removes = list(upserts), list(removes)
        self.calls.append(([(one.type_url, one.name) for one in upserts], removes))
        super().apply(upserts, removes)


def test_a_commit_is_applied_once_with_all_types():
    world, cache = World(), Applied()
    world.gateways.set(Gateway("shared", ("192.0.2.1",)))
    upstream(world, "one", 80)
    world.into(cache)
    cache.calls.clear()

    upstream(world, "two", 80)
    world.clusters.delete("one")
    world.endpoints.delete("one")
    world.virtual_hosts.set(host("a.example", route(Match(), "two")))
    world.graph.commit()

    ((upserts, removes),) = cache.calls
    assert set(upserts) == {(CDS, "two"), (EDS, "two"), (RDS, "shared/http")}
    assert set(removes) == {(CDS, "one"), (EDS, "one")}


def test_one_host_is_encoded_when_one_changes():
    world, cache = World(), Cache("ingress")
    world.gateways.set(Gateway("shared", ("192.0.2.1",)))
    for name in ("a.example", "b.example", "*.example"):
        world.virtual_hosts.set(host(name, route(Match(), "one")))
    world.into(cache)
    before = {part.key: part for part in cache.entries(RDS)["shared/http"].resource.fragments}

    world.virtual_hosts.set(host("a.example", route(Match(), "two")))
    world.graph.commit()

    after = {part.key: part for part in cache.entries(RDS)["shared/http"].resource.fragments}
    assert [key for key in after if key and after[key] is not before[key]] == ["a.example"]


def test_routes_are_there_while_a_listener_uses_them():
    world, cache = World(), Cache("ingress")
    world.virtual_hosts.set(host("a.example", route(Match(), "one"), scheme=Scheme.HTTPS))
    world.into(cache)
    assert not published(cache)

    steps = [
        (lambda: world.gateways.set(Gateway("shared", ("192.0.2.1",))), {"shared/http"}),
        (lambda: world.tls_hosts.set(TlsHost("shared", "a.example", ())), {"shared/http"}),
        (lambda: world.tls_hosts.set(TlsHost("shared", "a.example", ("x/a",))), {"shared/http", "shared/https"}),
        (lambda: world.tls_hosts.delete("shared/a.example"), {"shared/http"}),
        (lambda: world.gateways.delete("shared"), set()),
    ]
    for change, names in steps:
        change()
        world.graph.commit()
        assert cache.entries(RDS).keys() == names


def test_what_is_refused_is_charged_to_whom_it_comes_from():
    """Deeper names make a wildcard's fragment carry the routes of any host."""
    world, cache = World(), Cache("ingress")
    world.gateways.set(Gateway("shared", ("192.0.2.1",)))
    other = Origin(ObjectRef("Ingress", "test", "hostless"), "spec.rules[0]")
    anyone = route(Match(), "one")
    world.virtual_hosts.set(host("*.example", anyone))
    world.virtual_hosts.set(
        VirtualHost("shared", Scheme.HTTP, ANY_HOST, (type(anyone)(Match(), anyone.action, other),))
    )
    world.into(cache)

    origins = {
        part.key: {ref.name for ref in part.origins} for part in cache.entries(RDS)["shared/http"].resource.fragments
    }
    assert origins == {"": set(), "*": {"hostless"}, "*.example": {"one", "hostless"}}


def test_what_cannot_be_encoded_keeps_its_last_form_and_harms_no_one_else():
    told: list[ObjectRef] = []
    attempts, cache, world = Attempts(told.extend), Cache("v"), World()
    good = {
        "one.example": host("one.example", route(PREFIX, "a")),
        "two.example": host("two.example", route(PREFIX, "a")),
    }
    for one in good.values():
        world.virtual_hosts.set(one)
    world.gateways.set(Gateway("shared", ("192.0.2.1",)))
    world.graph.after_commit(emit(world, cache, attempts))
    world.graph.commit()
    before = {f.key: f.data for f in routes(cache).fragments}

    world.virtual_hosts.set(host("one.example", route(PREFIX, Redirect(status=10**20))))
    world.virtual_hosts.set(host("two.example", route(PREFIX, "b")))
    world.graph.commit()

    after = {f.key: f.data for f in routes(cache).fragments}
    assert after["one.example"] == before["one.example"]
    assert after["two.example"] != before["two.example"]
    assert isinstance(attempts.failure_of(OWNER.ref), KeyError)
    assert told == [OWNER.ref]

    world.virtual_hosts.set(good["one.example"])
    world.graph.commit()
    assert attempts.failure_of(OWNER.ref) is None
    assert told == [OWNER.ref] * 2


def routes(cache: Cache) -> Resource:
    return cache.entries(RDS)[routes_name("shared", Scheme.HTTP)].resource
