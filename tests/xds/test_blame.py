"""The quarantine: whatever proxies reject and in whatever order things change, it ends with the guilty held back and no one else."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from envoy_xds.blame import Blame, digest_of
from envoy_xds.resource import HEAD, Fragment, Resource
from operators.ir.refs import ObjectRef

TYPE = "type.googleapis.com/test.Type"
BAD = b"bad"


def ref(name: str) -> ObjectRef:
    return ObjectRef("Ingress", "default", name)


def fragment(key: str, data: str) -> Fragment:
    return Fragment(key, f"[{key}={data}]".encode(), frozenset({ref(key or "head")}))


def resource(name: str, head: str = "ok", **parts: str) -> Resource:
    return Resource(TYPE, name, (fragment(HEAD, f"{name}-{head}"), *(fragment(k, v) for k, v in sorted(parts.items()))))


def accepts(body: bytes) -> bool:
    return BAD not in body


@dataclass
class Proxy:
    """Accepts or rejects as Envoy does: a response as a whole. `whole`: gets everything in one response, else one by one."""

    whole: bool = False
    has: dict[str, str] = field(default_factory=dict)
    refused: set[tuple[tuple[str, str], ...]] = field(default_factory=set)

    def pending(self, blame: Blame, names: list[str]) -> list[tuple[tuple[str, str], ...]]:
        for name in names:
            if blame.published(name) is None:
                self.has.pop(name, None)
        due = tuple((n, blame.version(n)) for n in names if blame.published(n) and self.has.get(n) != blame.version(n))
        groups = [due] if self.whole and due else [(pair,) for pair in due]
        return [group for group in groups if group not in self.refused]

    def receive(self, blame: Blame, group: tuple[tuple[str, str], ...], message: str) -> None:
        bodies = [blame.published(name).body() for name, _ in group]
        if all(accepts(body) for body in bodies):
            self.has.update(group)
            blame.acked(group)
        else:
            self.refused.add(group)
            blame.nacked(group, message)


def settle(blame: Blame, proxies: list[Proxy], names: list[str], messages=lambda: "", limit: int = 400) -> int:
    rounds = 0
    while pending := [(p, group) for p in proxies for group in p.pending(blame, names)[:1]]:
        for proxy, group in pending:
            if group in proxy.pending(blame, names):
                proxy.receive(blame, group, messages())
                rounds += 1
                assert rounds < limit, "the search does not end"
    return rounds


def test_one_guilty_among_many_is_found_in_few_rounds():
    blame, proxy = Blame(), Proxy()
    parts = {f"h{i:03}": "ok" for i in range(200)}
    blame.put(resource("r", **parts))
    settle(blame, [proxy], ["r"])
    blame.put(resource("r", **dict.fromkeys(parts, "new") | {"h077": "bad"}))

    rounds = settle(blame, [proxy], ["r"])

    assert rounds <= 14
    assert list(blame.rejections) == [("r", "h077")]
    assert b"[h077=ok]" in blame.published("r").body()
    assert blame.published("r").body().count(b"=new]") == 199


def test_the_name_in_the_message_spares_the_search():
    blame, proxy = Blame(), Proxy()
    blame.put(resource("r", **{f"h{i:03}": "ok" for i in range(200)} | {"h077": "bad"}))

    rounds = settle(blame, [proxy], ["r"], lambda: "virtual host h077: missing ]")

    assert rounds == 2
    assert blame.rejections["r", "h077"].message == "virtual host h077: missing ]"
    assert blame.rejections["r", "h077"].origins == {ref("h077")}


def test_a_rejected_fragment_is_tried_again_when_its_content_changes():
    blame, proxy = Blame(), Proxy()
    blame.put(resource("r", a="bad", b="ok"))
    settle(blame, [proxy], ["r"])
    assert list(blame.rejections) == [("r", "a")]

    blame.put(resource("r", a="mended", b="ok"))
    settle(blame, [proxy], ["r"])

    assert not blame.rejections
    assert b"[a=mended]" in blame.published("r").body()


def test_a_rejection_of_what_another_proxy_accepted_blames_no_one():
    blame = Blame()
    blame.put(resource("r", a="ok"))
    version = blame.version("r")
    blame.acked([("r", version)])

    assert blame.nacked([("r", version)], "cannot bind: address in use") == set()
    assert not blame.rejections


def test_an_acknowledgement_that_comes_late_acquits():
    blame = Blame()
    blame.put(resource("r", a="ok"))
    version = blame.version("r")
    blame.nacked([("r", version)], "cannot bind: address in use")
    assert blame.rejections

    blame.acked([("r", version)])

    assert not blame.rejections
    assert blame.version("r") == version


def test_two_fragments_that_only_clash_with_each_other_cost_one_of_them():
    blame = Blame()
    blame.put(resource("r", a="x", b="x", c="y"))
    for _ in range(10):
        body = blame.published("r").body()
        version = [("r", blame.version("r"))]
        if body.count(b"=x]") > 1:
            blame.nacked(version, "duplicate domain")
        else:
            blame.acked(version)

    assert len(blame.rejections) == 1
    assert blame.published("r").body().count(b"=y]") == 1


def test_what_another_replica_found_is_not_tried_again():
    blame = Blame()
    blame.put(resource("r", a="bad", b="ok"))
    blame.condemn("r", "a", digest_of(fragment("a", "bad")), "said Envoy")

    assert b"[a=" not in blame.published("r").body()
    assert blame.condemn("r", "b", "0000", "another content") == set()


def test_a_new_head_clears_what_was_found_under_a_head_that_nobody_accepted():
    blame = Blame()
    blame.put(resource("r", "bad", a="ok", b="ok"))
    for _ in range(2):
        blame.nacked([("r", blame.version("r"))], "no")
    assert len(blame.rejections) == 1

    blame.put(resource("r", "ok", a="ok"))

    assert not blame.rejections
    assert b"[a=ok]" in blame.published("r").body()


KEYS = ["a", "b", "c", "d", "e"]
NAMES = ["r", "s", "t"]
contents = st.sampled_from(["1", "2", "3", "bad1", "bad2"])
resources = st.builds(
    lambda name, head, parts: Resource(
        TYPE, name, (fragment(HEAD, f"{name}-{head}"), *(fragment(k, v) for k, v in sorted(parts.items())))
    ),
    st.sampled_from(NAMES),
    st.sampled_from(["1", "1", "1", "2", "bad"]),
    st.dictionaries(st.sampled_from(KEYS), contents),
)
steps = st.lists(
    st.one_of(
        resources, st.sampled_from(NAMES), st.tuples(st.integers(0, 2), st.sampled_from(["", "r", "a b", "s d"]))
    ),
    max_size=40,
)


def expected(wanted: Resource, good: dict[str, bytes]) -> bytes | None:
    """By the rule, not by search: newest where acceptable, else what was accepted last, else nothing."""
    out = []
    for part in wanted.fragments:
        if accepts(part.data):
            out.append(part.data)
        elif part.key in good:
            out.append(good[part.key])
        elif part.key == HEAD:
            return None
    return b"".join(out)


@settings(max_examples=300, deadline=None)
@given(steps, st.lists(st.booleans(), min_size=1, max_size=3))
def test_in_the_end_exactly_the_guilty_are_held_back(script, kinds):
    blame, proxies = Blame(), [Proxy(whole) for whole in kinds]
    wanted: dict[str, Resource] = {}
    seen: dict[str, dict[str, set[bytes]]] = {}
    for step in script:
        if isinstance(step, Resource):
            wanted[step.name] = step
            blame.put(step)
            keys = {f.key for f in step.fragments}
            seen[step.name] = {k: v for k, v in seen.get(step.name, {}).items() if k in keys}
            for part in step.fragments:
                seen[step.name].setdefault(part.key, set()).add(part.data)
        elif isinstance(step, str):
            wanted.pop(step, None)
            seen.pop(step, None)
            blame.drop(step)
        else:
            proxy = proxies[step[0] % len(proxies)]
            for group in proxy.pending(blame, NAMES)[:1]:
                proxy.receive(blame, group, step[1])

    settle(blame, proxies, NAMES)

    for name in NAMES:
        if name in wanted:
            check(blame, wanted[name], seen[name])
        else:
            assert blame.published(name) is None


def check(blame: Blame, wanted: Resource, seen: dict[str, set[bytes]]) -> None:
    """The newest of what is acceptable is published, and of the rest something acceptable that was wanted before, or nothing."""
    published = blame.published(wanted.name)
    if published is None:
        assert not accepts(wanted.fragments[0].data)
        assert (wanted.name, HEAD) in blame.rejections
        return
    parts = {f.key: f.data for f in published.fragments}
    for part in wanted.fragments:
        assert ((wanted.name, part.key) in blame.rejections) is not accepts(part.data)
        if accepts(part.data):
            assert parts[part.key] == part.data
        else:
            assert part.key not in parts or (accepts(parts[part.key]) and parts[part.key] in seen[part.key])


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), contents), st.dictionaries(st.sampled_from(KEYS), contents))
def test_the_last_good_content_of_a_guilty_fragment_goes_on(first, second):
    blame, proxy = Blame(), Proxy()
    one, two = resource("r", **first), resource("r", **second)
    blame.put(one)
    settle(blame, [proxy], ["r"])
    good = {f.key: f.data for f in blame.published("r").fragments}

    blame.put(two)
    settle(blame, [proxy], ["r"])

    assert blame.published("r").body() == expected(two, good)
