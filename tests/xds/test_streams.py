"""Streams without a network: whatever changes and whatever a proxy rejects, it ends with what it should have, in a safe order.

Routes here name the clusters that they use; the proxy checks that it has a cluster before it accepts a route to it, and that
it is never told to give up one that a route of its own still uses.
"""

import re
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from envoy_xds.api import message
from envoy_xds.cache import Cache
from envoy_xds.encoding import DeltaRequest, Node, WholeRequest
from envoy_xds.order import CDS, LDS, RDS
from envoy_xds.resource import Resource
from envoy_xds.streams import PATIENCE, SETTLING, DeltaStream, WholeStream
from tests.xds.client import DeltaResponse, WholeResponse, pieces, text, thing

NODE = Node("p", "test")
Cluster = message("envoy.config.cluster.v3.Cluster")


def cluster(name: str, content: str) -> Resource:
    return thing(CDS, name, f"{name}={content}", *"xyz")


def route(**hosts: str) -> Resource:
    return pieces(RDS, "r", **{host: f"to {target}" for host, target in hosts.items()})


def used(body: str) -> set[str]:
    return set(re.findall(r"to (\w)", body))


@dataclass
class Peer:
    """A proxy at the other end of a stream. Rejects what contains "bad"; checks the order of what it is sent."""

    stream: DeltaStream | WholeStream
    has: dict[str, dict[str, str]] = field(default_factory=lambda: {CDS: {}, RDS: {}})
    nacks: int = 0

    @property
    def whole(self) -> bool:
        return isinstance(self.stream, WholeStream)

    def begin(self) -> None:
        names = {RDS: ("r",), CDS: ()}
        for type_url in (CDS, RDS):
            if self.whole:
                self.stream.receive(WholeRequest(type_url, NODE, names=names[type_url]))
            else:
                self.stream.receive(DeltaRequest(type_url, NODE, subscribe=names[type_url]))

    def step(self) -> bool:
        """Take one response and answer it."""
        sent = self.stream.next()
        if sent is None:
            return False
        response = (WholeResponse if self.whole else DeltaResponse).FromString(sent.data)
        before = self.has[response.type_url]
        after = self.after(response, before)
        ok = not any("bad" in body for name, body in after.items() if before.get(name) != body)
        if ok:
            self.has[response.type_url] = after
            self.check_order()
        self.nacks += not ok
        self.answer(response, None if ok else "no")
        return True

    def after(self, response, before: dict[str, str]) -> dict[str, str]:
        if not self.whole:
            got = {resource.name: text(resource.resource.value) for resource in response.resources}
            return {k: v for k, v in before.items() if k not in response.removed_resources} | got
        got = {name_of(text(resource.value)): text(resource.value) for resource in response.resources}
        return got if response.type_url == CDS else before | got

    def answer(self, response, error: str | None) -> None:
        if self.whole:
            names = ("r",) if response.type_url == RDS else ()
            self.stream.receive(WholeRequest(response.type_url, NODE, response.nonce, names, error))
        else:
            self.stream.receive(DeltaRequest(response.type_url, NODE, response.nonce, error=error))

    def check_order(self) -> None:
        for body in self.has[RDS].values():
            assert used(body) <= self.has[CDS].keys()


def name_of(body: str) -> str:
    return "r" if body.startswith("<") else body.partition("=")[0]


def begun(kind: type, cache: Cache) -> Peer:
    now = [0.0]
    stream = kind(cache, "p", lambda event: None, lambda: None, lambda: now[0])
    now[0] = SETTLING  # these proxies have no listeners
    cache.watch(stream)
    peer = Peer(stream)
    peer.begin()
    return peer


hosts = st.dictionaries(st.sampled_from("xyz"), st.sampled_from("abc"), min_size=1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("world"), hosts, st.sampled_from(["1", "2"]), st.sampled_from(["", "", "x", "y"])),
        st.tuples(st.just("peer"), st.integers(0, 2), st.integers(1, 3)),
    ),
    max_size=25,
)


def world(targets: dict[str, str], content: str, bad: str) -> dict[tuple[str, str], Resource]:
    """A consistent state: exactly the clusters that routes use; one host may have a part that is rejected."""
    parts = dict(targets)
    if bad in parts:
        parts[bad] += " bad"
    wanted = [cluster(name, content) for name in set(targets.values())] + [route(**parts)]
    return {(resource.type_url, resource.name): resource for resource in wanted}


@settings(max_examples=200, deadline=None)
@given(steps, st.lists(st.sampled_from([DeltaStream, WholeStream]), min_size=1, max_size=3))
def test_every_proxy_ends_with_what_is_published_and_never_has_a_route_to_nowhere(script, kinds):
    cache = Cache("v")
    peers = [begun(kind, cache) for kind in kinds]
    now: dict[tuple[str, str], Resource] = {}
    for step in script:
        if step[0] == "world":
            after = world(*step[1:])
            cache.apply(after.values(), now.keys() - after.keys())
            now = after
        else:
            for _ in range(step[2]):
                peers[step[1] % len(peers)].step()
    settle(peers)

    for peer in peers:
        for type_url in (CDS, RDS):
            published = {name: text(e.resource.body()) for name, e in cache.entries(type_url).items()}
            assert peer.has[type_url] == published


def settle(peers: list[Peer]) -> None:
    for _ in range(2000):
        if sum(peer.step() for peer in peers) == 0:
            return
    raise AssertionError("the streams do not come to rest")


def test_patience_with_a_cluster_that_does_not_get_warm_ends():
    now = [0.0]
    cache = Cache("v")
    cache.apply([thing(CDS, "a", "1"), thing(RDS, "r", "1"), thing(LDS, "l", "1")])
    stream = DeltaStream(cache, "p", lambda event: None, lambda: None, lambda: now[0])
    now[0] = SETTLING
    cache.watch(stream)
    stream.receive(DeltaRequest(CDS, NODE))
    assert stream.next() is not None  # and it is not acknowledged
    stream.receive(DeltaRequest(RDS, NODE, subscribe=("r",)))
    assert stream.next() is None
    assert stream.retry_in() == PATIENCE

    now[0] += PATIENCE

    assert dict(stream.next().versions).keys() == {"r"}
    assert stream.retry_in() is None
