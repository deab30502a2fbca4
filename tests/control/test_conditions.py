"""Problems and progress → conditions, addresses and events."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from operators.ir.problems import Problem, Reason
from operators.ir.refs import ObjectRef
from operators.status.conditions import Condition, conditions, since
from operators.status.documents import Written, annotation_patch, own_patch, read_ingress, read_own
from operators.status.events import Subject, event, news
from operators.status.served import Known, ServedStatus

REF = ObjectRef("Ingress", "shop", "web")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOW_TEXT, BEFORE = "2026-01-02T03:04:05Z", "2025-01-01T00:00:00Z"


@dataclass(frozen=True)
class Progress:
    acked: int = 2
    needed: int = 2
    waiting: tuple[str, ...] = ()
    rejected: str | None = None
    idle: bool = False


def problem(reason: Reason, field: str = "spec.rules[0]", *, fatal: bool = False) -> Problem:
    return Problem(REF, field, reason, "it is wrong", fatal)


def told(found: tuple[Condition, ...]) -> dict[str, tuple[bool, str, str]]:
    return {one.type: (one.status, one.reason, one.message) for one in found}


GOOD = {
    "Accepted": (True, "Accepted", ""),
    "ResolvedRefs": (True, "ResolvedRefs", ""),
    "Programmed": (True, "Programmed", "acknowledged by 2 of 2 nodes"),
}


@pytest.mark.parametrize(
    ("problems", "progress", "expected"),
    [
        ([], Progress(), GOOD),
        (
            [problem(Reason.SERVICE_NOT_FOUND)],
            Progress(),
            GOOD | {"ResolvedRefs": (False, "ServiceNotFound", "spec.rules[0]: it is wrong")},
        ),
        (
            [problem(Reason.CONFLICT), problem(Reason.CONFLICT, "spec.rules[1]")],
            Progress(),
            GOOD | {"Conflicted": (True, "Conflict", "spec.rules[0]: it is wrong; spec.rules[1]: it is wrong")},
        ),
        (
            [problem(Reason.INVALID_SPEC, fatal=True)],
            Progress(0, 0),
            GOOD
            | {
                "Accepted": (False, "InvalidSpec", "spec.rules[0]: it is wrong"),
                "Programmed": (False, "NotAccepted", "not accepted, so not served"),
            },
        ),
        ([problem(Reason.NO_ADDRESS, "")], Progress(), GOOD | {"Programmed": (False, "NoAddress", "it is wrong")}),
        ([], Progress(0, 0), GOOD | {"Programmed": (False, "NoProxies", "no ingress proxy is connected")}),
        (
            [],
            Progress(0, 0, idle=True),
            GOOD
            | {
                "Programmed": (
                    False,
                    "NothingServed",
                    "nothing of it is left to serve; the other conditions say why",
                )
            },
        ),
        (
            [],
            Progress(1, 2, ("node-b",)),
            GOOD | {"Programmed": (False, "Pending", "acknowledged by 1 of 2 nodes, waiting for node-b")},
        ),
        (
            [],
            Progress(0, 5, tuple("abcde")),
            GOOD | {"Programmed": (False, "Pending", "acknowledged by 0 of 5 nodes, waiting for a, b, c and 2 more")},
        ),
        (
            [],
            Progress(1, 2, ("node-b",), "bad regex"),
            GOOD | {"Programmed": (False, "EnvoyRejected", "Envoy rejects it: bad regex")},
        ),
    ],
)
def test_what_users_read(problems, progress, expected) -> None:
    assert told(conditions(problems, progress, 3)) == expected


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    old = (
        Condition("Accepted", True, "Accepted", since=BEFORE),
        Condition("Programmed", False, "Pending", since=BEFORE),
    )
    new = since(
        (Condition("Accepted", True, "Accepted", "new words"), Condition("Programmed", True, "Programmed")), old, NOW
    )

    assert [one.since for one in new] == [BEFORE, NOW_TEXT]


class Served:
    """One object and what is known of it, for `ServedStatus`."""

    def __init__(self) -> None:
        self.known: Known | None = Known(3, (), ("192.0.2.1",), frozenset({"192.0.2.1"}))
        self.progress = Progress()
        self.settled = True
        self.status = ServedStatus(lambda _: self.known, lambda _: self.progress, lambda: self.settled, lambda: NOW)

    def after(self, written: Written) -> Written:
        return self.status(REF, written)


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.fixture
def programmed(served: Served) -> Written:
    return served.after(Written("uid"))


def test_an_address_appears_with_programmed(served: Served, programmed: Written) -> None:
    assert programmed.addresses == ("192.0.2.1",)

    served.progress = Progress(1, 2, ("b",))

    assert served.after(Written("uid")).addresses == ()


def test_an_address_appears_only_when_it_is_announced_and_stays_then(served: Served, programmed: Written) -> None:
    served.known = Known(3, (), ("192.0.2.1", "2001:db8::1"))

    assert served.after(programmed).addresses == ("192.0.2.1",)


@pytest.mark.parametrize("progress", [Progress(1, 2, ("b",)), Progress(0, 2, (), "refused"), Progress(0, 0)])
def test_an_address_stays_while_proxies_serve_what_they_had(served: Served, programmed: Written, progress) -> None:
    served.progress = progress

    assert served.after(programmed).addresses == ("192.0.2.1",)


def test_an_address_goes_when_the_gateway_loses_it_or_the_object_is_not_accepted(
    served: Served, programmed: Written
) -> None:
    served.known = Known(3, (), ("192.0.2.2",), frozenset({"192.0.2.2"}))
    assert served.after(programmed).addresses == ("192.0.2.2",)

    served.known = Known(3, (problem(Reason.INVALID_SPEC, fatal=True),), ("192.0.2.1",), frozenset({"192.0.2.1"}))
    assert served.after(programmed).addresses == ()


def test_a_new_leader_takes_nothing_back_before_it_has_heard_all(served: Served, programmed: Written) -> None:
    served.settled, served.progress = False, Progress(0, 0)
    assert served.after(programmed) == programmed

    served.settled = True
    assert told(served.after(programmed).conditions)["Programmed"][1] == "NoProxies"


def test_a_new_leader_tells_a_rejection_at_once(served: Served, programmed: Written) -> None:
    served.settled, served.progress = False, Progress(0, 1, (), "refused")

    assert told(served.after(programmed).conditions)["Programmed"][1] == "EnvoyRejected"


def test_what_was_ours_is_cleaned_and_what_never_was_is_left_alone(served: Served, programmed: Written) -> None:
    served.known = None

    assert served.after(programmed) == Written("uid", programmed.generation)
    strange = Written("uid", 1, (), ("198.51.100.9",))
    assert served.after(strange) is strange


def test_conditions_on_an_ingress_survive_the_annotation(programmed: Written) -> None:
    patch = annotation_patch((), programmed.conditions)
    assert patch is not None
    body = {"metadata": {"uid": "uid", "generation": 3, "annotations": patch["metadata"]["annotations"]}}

    assert read_ingress(body).conditions == programmed.conditions
    assert annotation_patch(programmed.conditions, programmed.conditions) is None


def test_an_edited_annotation_is_written_anew(served: Served) -> None:
    body = {"metadata": {"uid": "uid", "annotations": {"tulle.dev/conditions": "[oops"}}}
    written = read_ingress(body)

    assert written.ours
    assert annotation_patch(written.conditions, served.after(written).conditions) is not None


def test_conditions_survive_a_status(programmed: Written) -> None:
    patch = own_patch(Written("uid"), programmed)
    assert patch is not None
    body = {"metadata": {"uid": "uid", "generation": 3}, **patch}

    assert read_own(body).conditions == programmed.conditions
    assert read_own(body).addresses == programmed.addresses
    assert own_patch(programmed, programmed) is None


def test_conditions_of_others_stay(served: Served) -> None:
    foreign = Condition("Audited", True, "Yes", since=BEFORE)

    assert foreign in served.after(Written("uid", 1, (foreign,))).conditions


def test_events_tell_trouble_once_and_what_became_programmed() -> None:
    waiting = conditions([], Progress(1, 2, ("b",)), 1)
    ready = conditions([], Progress(), 1)
    broken = conditions([problem(Reason.SERVICE_NOT_FOUND)], Progress(), 1)

    def says(old, new) -> list[tuple[str, str]]:
        return [(one.reason, sort) for one, sort in news(old, new)]

    assert says((), waiting) == []
    assert says(waiting, ready) == [("Programmed", "Normal")]
    assert says(ready, broken) == [("ServiceNotFound", "Warning")]
    assert says(broken, broken) == []
    assert says(broken, ready) == []


def test_an_event_is_named_by_what_it_says() -> None:
    one = conditions([problem(Reason.CONFLICT)], Progress(), 1)[2]
    subject = Subject(REF, "networking.k8s.io/v1", "uid")
    first, second = (event(subject, one, "Warning", NOW) for _ in range(2))

    assert first == second
    assert first["metadata"]["namespace"] == "shop"
    assert first["involvedObject"]["name"] == "web"
