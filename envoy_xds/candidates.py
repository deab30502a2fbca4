"""A resource on its way to being published: as it is wanted, what of it is known to be good, and what stands in meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from envoy_xds.resource import ABSENT, HEAD, Fragment, Resource

_REMEMBERED = 8
"""Versions of a resource whose late acknowledgement still teaches us something."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A version that was published, and what in it was not good at the time; the order of publishing as a number."""

    number: int
    unproven: Mapping[str, Fragment]


@dataclass(frozen=True, slots=True)
class Good:
    number: int
    fragment: Fragment


@dataclass(slots=True)
class Candidate:
    wanted: Resource
    contents: dict[str, Fragment]
    published: Resource | None = None
    version: str = ABSENT
    good: dict[str, Good] = field(default_factory=dict)
    trials: dict[str, Trial] = field(default_factory=dict)
    restrained: set[str] = field(default_factory=set)
    """Keys at which the last good content stands in for the wanted one: on hold in a search, or rejected."""

    def is_good(self, key: str, fragment: Fragment) -> bool:
        good = self.good.get(key)
        return good is not None and good.fragment.data == fragment.data

    def compose(self) -> Resource | None:
        """The wanted resource with the last good content where a fragment is restrained; None when nothing useful is left."""
        if not self.restrained:
            return self.wanted
        parts: list[Fragment] = []
        for fragment in self.wanted.fragments:
            good = self.good.get(fragment.key)
            if fragment.key not in self.restrained:
                parts.append(fragment)
            elif good is not None:
                parts.append(good.fragment)
            elif fragment.key == HEAD:
                return None
        return Resource(self.wanted.type_url, self.wanted.name, tuple(parts)) if parts else None

    def publish(self, number: int) -> None:
        """What is to be published from now on, and what a proxy that accepts it proves."""
        self.published = self.compose()
        self.version = self.published.version if self.published else ABSENT
        fragments = self.published.fragments if self.published else ()
        unproven = {f.key: f for f in fragments if not self.is_good(f.key, f)}
        if not unproven:
            return
        self.trials.pop(self.version, None)
        self.trials[self.version] = Trial(number, unproven)
        if len(self.trials) > _REMEMBERED:
            del self.trials[next(iter(self.trials))]
