"""Label selectors, with Kubernetes' meaning: all requirements hold; none is everything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

Labels = frozenset[tuple[str, str]]


class Operator(StrEnum):
    """As in a LabelSelector's matchExpressions."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """What must hold for one label. `values` are sorted; In and NotIn have some, the others have none."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, labels: Labels) -> bool:
        match self.operator:
            case Operator.IN:
                return self._has_value(labels)
            case Operator.NOT_IN:
                return not self._has_value(labels)  # also where the label is absent
            case Operator.EXISTS:
                return self._is_there(labels)
            case Operator.DOES_NOT_EXIST:
                return not self._is_there(labels)

    def _has_value(self, labels: Labels) -> bool:
        return any((self.key, value) in labels for value in self.values)

    def _is_there(self, labels: Labels) -> bool:
        return any(key == self.key for key, _ in labels)


@dataclass(frozen=True, slots=True, order=True)
class Selector:
    """Requirements are sorted and without doubles, so that what is written differently and means the same is equal."""

    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def of(cls, match_labels: Mapping[str, str], expressions: Iterable[Requirement] = ()) -> "Selector":
        """A label that must have a value is one that is in a set of one."""
        equal = (Requirement(key, Operator.IN, (value,)) for key, value in match_labels.items())
        return cls(tuple(sorted({*equal, *expressions})))

    def matches(self, labels: Labels) -> bool:
        return all(requirement.holds(labels) for requirement in self.requirements)


EVERYTHING = Selector()
