"""The reference pages: every reason that users may read is explained, every type and field is there."""

from dataclasses import dataclass

import pytest

from crds.generate import REFERENCE
from crds.kinds import KINDS, Kind
from crds.reference import reference
from docs import generate
from operators.ir.problems import Problem, Reason
from operators.ir.refs import ObjectRef
from operators.status.conditions import Type, conditions

REF = ObjectRef("Ingress", "default", "web")


@dataclass(frozen=True)
class Progress:
    acked: int = 0
    needed: int = 0
    waiting: tuple[str, ...] = ()
    rejected: str | None = None
    idle: bool = False


STATES = [
    ((), Progress()),
    ((), Progress(idle=True)),
    ((), Progress(1, 2, ("node-a",))),
    ((), Progress(2, 2)),
    ((), Progress(1, 2, rejected="no")),
    *(((Problem(REF, "spec", reason, "x", fatal=fatal),), Progress()) for reason in Reason for fatal in (True, False)),
]


@pytest.mark.parametrize(("problems", "progress"), STATES)
def test_reasons_are_explained(problems, progress):
    page = generate.conditions()
    for condition in conditions(problems, progress, 1):
        assert condition.type == condition.reason or f"| `{condition.reason}` |" in page


def test_conditions_are_explained():
    assert set(generate.CONDITIONS) == set(Type)
    assert (REFERENCE / "conditions.md").read_text() == generate.conditions()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_links_lead_somewhere(kind: Kind):
    page = reference(kind)
    headings = {line.removeprefix("## ").lower() for line in page.splitlines() if line.startswith("## ")}
    links = {part.split(")")[0] for part in page.split("](#")[1:]}
    assert links == headings - {"spec", "status"}
