"""Collections: after any sequence of changes, incremental equals rebuilt from nothing; and what each kind promises."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.collections import Changes, Collection, Context, Graph, Group, Source


@dataclass(frozen=True, slots=True)
class Item:
    key: str
    owner: str
    refs: tuple[str, ...] = ()
    value: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    key: str
    text: str


class World:
    """A graph with every kind of collection and chained reads of keys that come and go."""

    def __init__(self) -> None:
        graph = self.graph = Graph()
        self.items: Source[Item] = graph.source("items", Item)
        self.names: Source[Text] = graph.source("names", Text)
        by_owner = self.items.index("by_owner", lambda item: item.owner)
        by_ref = self.items.index("by_ref", lambda item: item.refs)
        resolved = graph.derive("resolved", self.items, self.resolve)
        owners = graph.groups("owners", by_owner)
        by_length = resolved.index("by_length", lambda text: str(len(text.text)) if text.text else None)
        lengths = graph.groups("lengths", by_length)

        def summary(group: Group[Item], ctx: Context) -> Text | None:
            referring = ctx.all(by_ref, group.key)
            first = ctx.one(resolved, f"{group.key}-0")
            if not referring and first is None:
                return None
            return Text(group.key, f"{sum(item.value for item in referring)} {first}")

        summaries = graph.derive("summaries", owners, summary)
        total = graph.collect(
            "total", summaries, lambda all_of, _: Text("total", " ".join(text.text for text in all_of))
        )
        graph.derive(
            "echo", lengths, lambda group, ctx: Text(group.key, f"{len(group.members)} {ctx.one(total, 'total')}")
        )
        graph.derive(
            "shared", self.items, lambda item, ctx: Text(item.owner, f"{item.key} of {len(ctx.every(self.names))}")
        )

    def resolve(self, item: Item, ctx: Context) -> Iterator[Text]:
        for number, ref in enumerate(item.refs):
            name = ctx.one(self.names, ref)
            if name is not None and name.text == "follow":
                name = ctx.one(self.names, item.owner)
            yield Text(f"{item.key}-{number}", name.text if name else "")

    def tables(self) -> dict[str, dict[str, object]]:
        return {one.name: {value.key: value for value in one.values()} for one in self.graph.collections}


KEYS = st.sampled_from("abcde")
ITEMS = st.builds(Item, KEYS, KEYS, st.lists(KEYS, max_size=2).map(tuple), st.integers(0, 3))
NAMES = st.builds(Text, KEYS, st.sampled_from(["", "x", "yy", "follow"]))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.one_of(ITEMS, NAMES)),
        st.tuples(st.just("delete"), st.sampled_from(["items", "names"]), KEYS),
        st.tuples(st.just("replace"), st.lists(ITEMS, max_size=3)),
        st.tuples(st.just("commit")),
    ),
    max_size=40,
)


def take(world: World, step: tuple) -> None:
    match step:
        case "set", Item() as item:
            world.items.set(item)
        case "set", name:
            world.names.set(name)
        case "delete", source, key:
            getattr(world, source).delete(key)
        case "replace", items:
            world.items.replace(items)
        case _:
            world.graph.commit()


def rebuilt(world: World) -> World:
    new = World()
    new.items.replace(world.items.values())
    new.names.replace(world.names.values())
    new.graph.commit()
    return new


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_after_any_changes_incremental_equals_rebuilt(steps: list[tuple]) -> None:
    world = World()
    mirrors: dict[str, dict[str, object]] = {one.name: {} for one in world.graph.collections}
    for one in world.graph.collections:
        one.subscribe(lambda changes, mirror=mirrors[one.name]: follow(mirror, changes))
    for step in steps:
        take(world, step)
    world.graph.commit()

    assert world.tables() == rebuilt(world).tables()
    assert mirrors == world.tables()
    assert not world.graph.failures


def follow(mirror: dict[str, object], changes: Changes) -> None:
    assert changes, "no empty changes are told"
    for key in changes.deletes:
        del mirror[key]
    for key, value in changes.upserts.items():
        assert mirror.get(key) != value, "equal outputs are not told"
        mirror[key] = value


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_after_the_last_object_is_gone_nothing_is_kept(steps: list[tuple]) -> None:
    world = World()
    for step in steps:
        take(world, step)
    for key in "abcde":
        world.items.delete(key)
        world.names.delete(key)
    world.graph.commit()

    left = {name: table for name, table in world.tables().items() if table}
    assert list(left) == ["total"]
    for one in world.graph.collections:
        assert one.name == "total" or not getattr(one, "_inputs", {})
        assert not getattr(one, "_claims", {}) or one.name == "total"
        assert not one.readers._readers or one.name in {"summaries", "names"} or one.name == "total"


def failing(graph: Graph) -> tuple[Source[Text], Collection[Text]]:
    texts = graph.source("texts", Text)

    def shout(text: Text, _: Context) -> Text:
        if text.text == "bad":
            raise ValueError(text.key)
        return Text(text.key, text.text.upper())

    return texts, graph.derive("shouts", texts, shout)


def test_a_failing_function_keeps_the_last_good_output_of_its_object_only() -> None:
    graph = Graph()
    texts, shouts = failing(graph)
    texts.replace([Text("a", "one"), Text("b", "one"), Text("c", "bad")])
    graph.commit()
    texts.replace([Text("a", "bad"), Text("b", "two")])
    graph.commit()

    assert shouts.values() == (Text("a", "ONE"), Text("b", "TWO"))
    assert list(graph.failures) == [("shouts", "a")]

    texts.set(Text("a", "three"))
    graph.commit()

    assert shouts.get("a") == Text("a", "THREE")
    assert not graph.failures


def test_a_failed_object_that_is_deleted_takes_its_last_good_output_along() -> None:
    graph = Graph()
    texts, shouts = failing(graph)
    texts.set(Text("a", "one"))
    graph.commit()
    texts.set(Text("a", "bad"))
    graph.commit()
    texts.delete("a")
    graph.commit()

    assert not shouts.values()
    assert not graph.failures


def test_a_function_that_failed_runs_again_when_what_it_read_changes() -> None:
    graph = Graph()
    texts, words = graph.source("texts", Text), graph.source("words", Text)

    def need(text: Text, ctx: Context) -> Text:
        word = ctx.one(words, text.text)
        assert word is not None
        return Text(text.key, word.text)

    out = graph.derive("out", texts, need)
    texts.set(Text("a", "w"))
    graph.commit()
    assert list(graph.failures) == [("out", "a")]

    words.set(Text("w", "found"))
    graph.commit()

    assert out.values() == (Text("a", "found"),)
    assert not graph.failures


def test_a_failing_index_function_leaves_the_object_where_it_was() -> None:
    graph = Graph()
    items = graph.source("items", Item)
    index = items.index("parity", lambda item: str(1 // item.value))
    items.set(Item("a", "x", value=1))
    graph.commit()
    items.set(Item("a", "y", value=0))
    graph.commit()

    assert index.all("1") == (Item("a", "y", value=0),)
    assert list(graph.failures) == [("items.parity", "a")]


def test_of_two_inputs_with_one_output_key_the_lowest_wins_and_the_other_follows_when_it_goes() -> None:
    graph = Graph()
    items = graph.source("items", Item)
    out = graph.derive("out", items, lambda item, _: Text(item.owner, item.key))
    items.replace([Item("b", "x"), Item("a", "x")])
    graph.commit()
    assert out.values() == (Text("x", "a"),)
    assert out.stats.collisions == 1

    items.delete("a")
    graph.commit()

    assert out.values() == (Text("x", "b"),)


def test_one_change_runs_only_what_read_it() -> None:
    graph = Graph()
    items, names = graph.source("items", Item), graph.source("names", Text)
    out = graph.derive("out", items, lambda item, ctx: Text(item.key, str(ctx.one(names, item.owner))))
    items.replace([Item(str(number), str(number % 100)) for number in range(1000)])
    graph.commit()
    before = out.stats.recomputed

    names.set(Text("7", "seven"))
    graph.commit()

    assert out.stats.recomputed - before == 10


def test_an_equal_output_stops_there() -> None:
    graph = Graph()
    items = graph.source("items", Item)
    owners = graph.derive("owners", items, lambda item, _: Text(item.key, item.owner))
    told: list[Changes[Text]] = []
    items.set(Item("a", "x", value=1))
    graph.commit()
    owners.subscribe(told.append)
    items.set(Item("a", "x", value=2))
    graph.commit()

    assert told == [Changes({"a": Text("a", "x")})], "what was there is told once, at the start"


def test_a_function_may_only_read_what_was_made_before() -> None:
    graph = Graph()
    items = graph.source("items", Item)
    later: list[Collection[Text]] = []
    graph.derive("early", items, lambda item, ctx: ctx.one(later[0], item.key))
    later.append(graph.derive("late", items, lambda item, _: Text(item.key, "")))
    items.set(Item("a", "x"))
    graph.commit()

    assert isinstance(graph.failures["early", "a"], LookupError)


def test_what_a_subscriber_puts_in_waits_for_the_next_commit() -> None:
    graph = Graph()
    items, names = graph.source("items", Item), graph.source("names", Text)
    items.subscribe(lambda changes: [names.set(Text(key, "seen")) for key in changes.upserts] and None)
    items.set(Item("a", "x"))
    graph.commit()
    assert not names.values()
    assert names.latest("a") == Text("a", "seen")
    assert graph.pending

    graph.commit()

    assert names.values() == (Text("a", "seen"),)


def test_names_are_unique_and_a_tuple_is_no_key() -> None:
    graph = Graph()
    items = graph.source("items", Item)
    with pytest.raises(ValueError, match="items"):
        graph.source("items", Item)
    with pytest.raises(TypeError, match="by_refs"):
        items.index("by_refs", lambda item: item.refs).all(("a", "b"))
