"""Progress of objects, from acknowledgements; against a model that remembers everything and counts anew every time."""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from envoy_xds.cache import Cache
from envoy_xds.events import Acked, Connected, Disconnected, Nacked, Published, Quarantined, Released
from envoy_xds.ledger import Ledger, Progress
from envoy_xds.order import CDS, RDS
from envoy_xds.resource import ABSENT
from operators.ir.refs import ObjectRef
from tests.xds.client import pieces, ref, thing

TYPE = "type.googleapis.com/test.Type"
A, B, C = ref("a"), ref("b"), ref("c")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Book:
    """A ledger with what it told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.told: list[frozenset[ObjectRef]] = []
        self.ledger = Ledger(self.told.append, self.clock)
        self.published: dict[tuple[str, str], dict[ObjectRef, str]] = {}

    def publish(self, name: str, view: str = "v", held=frozenset(), **parts: str) -> None:
        """A resource with one part per object."""
        before = self.published.get((view, name), {})
        after = {ref(owner): content for owner, content in parts.items()}
        changed = frozenset(r for r in before.keys() | after.keys() if before.get(r) != after.get(r))
        self.published[view, name] = after
        self.ledger.handle(Published(view, TYPE, name, version(after), changed, frozenset(after), frozenset(held)))

    def connect(self, proxy: str, view: str = "v", node: str = "") -> None:
        self.ledger.handle(Connected(proxy, view, node or f"node-{proxy}"))

    def ack(self, proxy: str, **names: str) -> None:
        self.ledger.handle(Acked(proxy, TYPE, tuple(names.items())))

    def ack_all(self, proxy: str, view: str = "v") -> None:
        self.ack(proxy, **{n: version(parts) for (v, n), parts in self.published.items() if v == view})


def version(parts: dict[ObjectRef, str]) -> str:
    return ",".join(f"{r.name}{content}" for r, content in sorted(parts.items()))


def test_an_object_is_through_when_all_that_need_it_have_it():
    book = Book()
    book.publish("r", a="1")
    book.connect("p")
    book.connect("q")
    assert book.ledger.progress(A) == Progress(0, 0)
    book.ack_all("p")
    book.ack_all("q")
    assert book.ledger.progress(A) == Progress(2, 2)

    book.publish("r", a="2")
    book.ack_all("p")

    assert book.ledger.progress(A) == Progress(1, 2, ("node-q",))
    assert book.told[-1] == {A}


def test_another_objects_change_in_a_shared_resource_costs_nothing():
    book = Book()
    book.publish("r", a="1", b="1")
    book.connect("p")
    book.ack_all("p")

    book.publish("r", a="1", b="2")

    assert book.ledger.progress(A) == Progress(1, 1)
    assert book.ledger.progress(B) == Progress(0, 1, ("node-p",))
    assert A not in book.told[-1]


def test_an_old_version_that_has_the_newest_part_is_enough():
    book = Book()
    book.publish("r", a="1", b="1")
    book.connect("p")
    book.ack_all("p")
    book.publish("r", a="2", b="1")
    book.publish("r", a="2", b="2")

    book.ack("p", r="a2,b1")

    assert book.ledger.progress(A) == Progress(1, 1)
    assert book.ledger.progress(B) == Progress(0, 1, ("node-p",))


def test_all_resources_of_an_object_must_be_there():
    book = Book()
    book.connect("p")
    book.publish("r", a="1")
    book.publish("s", a="1")
    book.ack("p", r="a1")
    assert book.ledger.progress(A).acked == 0
    book.ack("p", s="a1")
    assert book.ledger.progress(A) == Progress(1, 1)


def test_a_version_that_returns_needs_no_new_acknowledgement():
    book = Book()
    book.publish("r", a="1")
    book.connect("p")
    book.ack_all("p")
    book.publish("r", a="2")
    book.publish("r", a="1")
    assert book.ledger.progress(A) == Progress(1, 1)


def test_an_acknowledgement_that_another_replica_saw_first_counts_when_we_get_there():
    book = Book()
    book.publish("r", a="1")
    book.connect("p")
    book.ack_all("p")
    book.ack("p", r="a2")
    assert book.ledger.progress(A) == Progress(1, 1)
    book.publish("r", a="2")
    assert book.ledger.progress(A) == Progress(1, 1)


def test_a_proxy_that_left_is_waited_for_a_while():
    book = Book()
    book.publish("r", a="1")
    book.connect("p")
    book.ack_all("p")
    book.ledger.handle(Disconnected("p"))
    book.publish("r", a="2")
    assert book.ledger.progress(A) == Progress(0, 1, ("node-p",))

    book.clock.now = 31
    book.ledger.expire()

    assert book.ledger.progress(A) == Progress(0, 0)
    assert book.told[-1] == {A}


def test_a_proxy_that_was_replaced_on_its_node_is_not_waited_for():
    """In either order: the new one may be through before the old one leaves, or after."""
    for new_first in (True, False):
        book = Book()
        book.publish("r", a="1")
        book.connect("old", node="n")
        book.ack_all("old")
        steps = [lambda book=book: replacement(book), lambda book=book: book.ledger.handle(Disconnected("old"))]
        for step in steps if new_first else reversed(steps):
            step()
        book.publish("r", a="2")
        book.ack_all("new")
        assert book.ledger.progress(A) == Progress(1, 1)


def test_two_proxies_of_a_node_are_one_node():
    book = Book()
    book.publish("r", a="1")
    for proxy in ("old", "new"):
        book.connect(proxy, node="n")
        book.ack_all(proxy)
    assert book.ledger.progress(A) == Progress(1, 1)
    book.publish("r", a="2")
    book.ack_all("new")
    assert book.ledger.progress(A) == Progress(0, 1, ("n",))


def replacement(book: Book) -> None:
    book.connect("new", node="n")
    book.ack_all("new")


def test_a_proxy_that_comes_back_in_time_says_what_it_has():
    book = Book()
    book.publish("r", a="1")
    book.connect("p")
    book.ack_all("p")
    book.ledger.handle(Disconnected("p"))
    book.connect("p")
    book.ledger.handle(Acked("p", TYPE, (("r", "a1"),), complete=True))
    assert book.ledger.progress(A) == Progress(1, 1)

    book.ledger.handle(Acked("p", TYPE, (), complete=True))
    assert book.ledger.progress(A) == Progress(0, 1, ("node-p",))
    book.ack_all("p")
    assert book.ledger.progress(A) == Progress(1, 1)


def test_a_proxy_that_never_gets_ready_counts_after_a_while():
    book = Book()
    book.publish("r", a="1")
    book.connect("p")
    book.clock.now = 31
    book.ledger.expire()
    assert book.ledger.progress(A) == Progress(0, 1, ("node-p",))


def test_a_removal_is_waited_for():
    book = Book()
    book.publish("r", a="1", b="1")
    book.connect("p")
    book.ack_all("p")
    book.publish("r", b="1")
    assert book.ledger.progress(A) == Progress(0, 1, ("node-p",))
    book.ack_all("p")
    assert book.ledger.progress(A) == Progress(0, 0)
    book.publish("r")
    assert book.ledger.progress(B) == Progress(0, 1, ("node-p",))
    book.ack("p", r="")
    assert book.ledger.progress(B) == Progress(0, 0)


def test_a_removal_that_is_acknowledged_late_is_one():
    book = Book()
    book.publish("r", a="1", b="1")
    book.connect("p")
    book.ack_all("p")
    book.publish("r")
    book.publish("r", a="1")
    book.ack("p", r=ABSENT)
    assert book.ledger.progress(B).waiting == ()
    assert book.ledger.progress(A).waiting == ("node-p",)


def test_what_a_proxy_refused_is_quoted_until_it_accepts():
    book = Book()
    book.publish("r", a="1", b="1")
    book.connect("p")
    book.ack_all("p")
    book.publish("r", a="2", b="1")
    book.ledger.handle(Nacked("p", TYPE, (("r", "a2,b1"),), "cannot bind"))
    assert book.ledger.progress(A) == Progress(0, 1, ("node-p",), "cannot bind")
    assert book.ledger.progress(B) == Progress(1, 1)
    book.ack_all("p")
    assert book.ledger.progress(A) == Progress(1, 1)


def test_a_quarantine_is_quoted_while_it_lasts_and_what_is_held_is_not_there():
    book = Book()
    book.publish("r", b="1")
    book.connect("p")
    book.ack_all("p")
    book.publish("r", b="1", held={A})
    assert book.ledger.progress(A) == Progress(0, 1, ("node-p",))

    book.publish("r", b="1")
    book.ledger.handle(Quarantined("v", TYPE, "r", "a", "d", frozenset({A}), "missing ]"))
    assert book.ledger.progress(A).rejected == "missing ]"

    book.ledger.handle(Released("v", TYPE, "r", "a", frozenset({A})))
    assert book.ledger.progress(A) == Progress()


def test_a_snapshot_tells_another_ledger_all():
    one, two = Book(), Book()
    for book in (one, two):
        book.publish("r", a="1", b="1")
        book.publish("s", view="w", c="1")
    one.connect("p")
    one.connect("q", "w")
    one.ack_all("p")
    one.ack_all("q", "w")
    for book in (one, two):
        book.publish("r", a="2", b="1")

    for event in one.ledger.snapshot():
        two.ledger.handle(event)

    assert [two.ledger.progress(r) for r in (A, B, C)] == [one.ledger.progress(r) for r in (A, B, C)]
    assert two.ledger.progress(A) == Progress(0, 1, ("node-p",))


@dataclass
class Model:
    """All versions of every resource, and which of them every proxy has."""

    history: dict[str, list[dict[ObjectRef, str]]] = field(default_factory=lambda: {n: [{}] for n in NAMES})
    has: dict[str, dict[str, int]] = field(default_factory=dict)
    unheard: dict[str, set[str]] = field(default_factory=dict)
    left: dict[str, float] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)

    def counted(self) -> list[str]:
        return [proxy for proxy in self.has if not self.unheard[proxy]]

    def publish(self, name: str, parts: dict[ObjectRef, str]) -> None:
        versions = self.history[name]
        if versions[-1] == parts:
            return
        for has in self.has.values():
            if versions[has[name]] == parts:
                has[name] = len(versions)
        versions.append(parts)
        for proxy in self.has:
            if self.has[proxy][name] == len(versions) - 1:
                self.unheard[proxy].discard(name)

    def connect(self, proxy: str, now: float) -> None:
        self.left.pop(proxy, None)
        if proxy not in self.has:
            self.has[proxy] = {n: len(v) - 1 if not v[-1] else 0 for n, v in self.history.items()}
            self.unheard[proxy] = {n for n, v in self.history.items() if v[-1]}
            self.since[proxy] = now

    def ack(self, proxy: str, name: str, back: int) -> dict[ObjectRef, str] | None:
        """The latest version but `back`; as the real one remembers versions by content, of equal ones the last is meant."""
        versions = self.history[name]
        if proxy not in self.has or back >= len(versions) or (back and not versions[-1]):
            return None  # no proxy is sent an old version of what is gone
        parts = versions[len(versions) - 1 - back]
        self.has[proxy][name] = max(i for i, v in enumerate(versions) if v == parts)
        self.unheard[proxy].discard(name)
        return parts

    def disconnect(self, proxy: str, now: float) -> None:
        if proxy in self.has and self.unheard[proxy]:
            self.drop(proxy)
        elif proxy in self.has:
            self.left[proxy] = now

    def drop(self, proxy: str) -> None:
        for table in (self.has, self.unheard, self.left, self.since):
            table.pop(proxy, None)

    def expire(self, now: float) -> None:
        for proxy in list(self.has):
            if proxy in self.left and self.left[proxy] + 30 <= now:
                self.drop(proxy)
            elif self.since[proxy] + 30 <= now:
                self.unheard[proxy].clear()

    def lacks(self, proxy: str, name: str, wanted: ObjectRef) -> bool:
        later = self.history[name][self.has[proxy][name] :]
        return any(v.get(wanted) != w.get(wanted) for v, w in pairwise(later))

    def served(self, wanted: ObjectRef) -> bool:
        return any(wanted in versions[-1] for versions in self.history.values())

    def progress(self, wanted: ObjectRef) -> Progress:
        everyone = self.counted()
        waiting = [p for p in everyone if any(self.lacks(p, n, wanted) for n in self.history)]
        return Progress(len(everyone) - len(waiting), len(everyone), tuple(sorted(f"node-{p}" for p in waiting)))


NAMES = ["r", "s"]
parts = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"]))
proxies = st.sampled_from(["p", "q", "x"])
steps = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from(NAMES), parts),
    st.tuples(st.just("connect"), proxies),
    st.tuples(st.just("ack"), proxies, st.sampled_from(NAMES), st.sampled_from([0, 0, 0, 1, 2])),
    st.tuples(st.just("ack"), proxies, st.sampled_from(NAMES), st.just(0)),
    st.tuples(st.just("disconnect"), proxies),
    st.tuples(st.just("wait"), st.sampled_from([5.0, 40.0])),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=40))
def test_progress_is_what_a_naive_count_gives_and_changes_are_told(script):
    book, model = Book(), Model()
    told = dict.fromkeys((A, B, C), Progress())
    for step in script:
        take(step, book, model)
        for changed in book.told:
            told |= {r: book.ledger.progress(r) for r in changed}
        book.told.clear()
        for wanted in told:
            progress, naive = book.ledger.progress(wanted), model.progress(wanted)
            if model.served(wanted):
                assert progress == naive
            else:  # only those that still have something of it are waited for; the model takes all that missed its end
                assert set(progress.waiting) <= set(naive.waiting)
        assert told == {r: book.ledger.progress(r) for r in told}


def take(step: tuple, book: Book, model: Model) -> None:
    match step:
        case ("publish", name, content):
            model.publish(name, {ref(owner): value for owner, value in content.items()})
            book.publish(name, **content)
        case ("connect", proxy):
            model.connect(proxy, book.clock.now)
            book.connect(proxy)
        case ("ack", proxy, name, back):
            acked = model.ack(proxy, name, back)
            if acked is not None:
                book.ack(proxy, **{name: version(acked)})
        case ("disconnect", proxy):
            model.disconnect(proxy, book.clock.now)
            book.ledger.handle(Disconnected(proxy))
        case ("wait", seconds):
            book.clock.now += seconds
            model.expire(book.clock.now)
            book.ledger.expire()


def test_an_acknowledgement_that_comes_before_we_publish_is_not_forgotten():
    """A follower's proxy may have a resource that this replica has yet to derive."""
    book = Book()
    book.connect("p")
    book.ack("p", r="a1")
    book.publish("r", a="1")
    assert book.ledger.progress(A) == Progress(1, 1)


def test_a_replica_without_proxies_waits_for_nothing_that_those_of_others_have_dropped():
    """A cluster is dropped after the routes that used it: by the proxies' replica, which then tells us."""
    ledger = Ledger(lambda refs: None)
    cache = Cache("v", ledger.handle)

    def acked(type_url: str, name: str) -> None:
        entry = cache.entries(type_url).get(name)
        ledger.handle(Acked("p", type_url, ((name, entry.version if entry else ABSENT),)))

    cache.apply([thing(CDS, "one", "1", "a"), pieces(RDS, "r", a="to one")])
    ledger.handle(Connected("p", "v", "node"))
    acked(CDS, "one")
    acked(RDS, "r")
    assert ledger.progress(A) == Progress(1, 1)

    cache.apply([thing(CDS, "two", "1", "a"), pieces(RDS, "r", a="to two")], [(CDS, "one")])
    acked(CDS, "two")
    acked(RDS, "r")
    acked(CDS, "one")

    assert ledger.progress(A) == Progress(1, 1)
