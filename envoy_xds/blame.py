"""Which fragments of a type's resources may be published, learnt from what proxies accept and reject.

In: resources as they are wanted, acknowledgements and rejections of versions. Out: resources as they are to be published, and
the rejections found. A fragment is *good* once some proxy acknowledged a version that contains it. When the version that is
published now is rejected, its fragments that are not yet good are the suspects: they are tried by halves until those that are
rejected on their own remain. These are held back, their last good content (if any) standing in, until their content changes.

What no longer fits is ignored: a rejection of a version that has been replaced (the proxy will see the new one), and one of a
version in which all is good (the trouble is that proxy's own: a port in use, an older Envoy). No I/O, no time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count

from envoy_xds.candidates import Candidate, Good, Trial
from envoy_xds.resource import ABSENT, HEAD, Fragment, Resource
from envoy_xds.search import Item, Search
from operators.ir.refs import ObjectRef

_REFUSED = 64
"""Rejections that need no second try when the same content would be published again."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A fragment that is held back, whose it is, and what the proxy said."""

    name: str
    key: str
    digest: str
    origins: frozenset[ObjectRef]
    message: str


def digest_of(fragment: Fragment) -> str:
    return blake2b(fragment.data, digest_size=8).hexdigest()


class Blame:
    """The state for all resources of one type in one view. Methods return the names whose published form may have changed."""

    def __init__(self) -> None:
        self.rejections: dict[Item, Rejection] = {}
        self._candidates: dict[str, Candidate] = {}
        self._searches: list[Search] = []
        self._refused: dict[frozenset[tuple[str, str]], str] = {}
        self._numbers = count(1)

    def published(self, name: str) -> Resource | None:
        candidate = self._candidates.get(name)
        return candidate.published if candidate else None

    def version(self, name: str) -> str:
        candidate = self._candidates.get(name)
        return candidate.version if candidate else ABSENT

    def held(self, name: str) -> frozenset[ObjectRef]:
        """The objects whose newest part of a resource is kept out by a search that goes on."""
        candidate = self._candidates.get(name)
        if candidate is None or not candidate.restrained:
            return frozenset()
        keys = [key for key in candidate.restrained if (name, key) not in self.rejections]
        return frozenset().union(*(candidate.contents[key].origins for key in keys))

    def unsettled(self) -> frozenset[ObjectRef]:
        """The objects with a part that no proxy has accepted yet, or whose last good part stands in."""
        origins: set[ObjectRef] = set()
        for candidate in self._candidates.values():
            for key, fragment in candidate.contents.items():
                if not candidate.is_good(key, fragment):
                    origins |= fragment.origins
                    good = candidate.good.get(key)
                    origins |= good.fragment.origins if good else frozenset()
        return frozenset(origins)

    def put(self, resource: Resource) -> set[str]:
        """The resource is wanted like this now."""
        candidate = self._candidates.get(resource.name)
        if candidate is None:
            candidate = Candidate(resource, {f.key: f for f in resource.fragments})
            self._candidates[resource.name] = candidate
        elif candidate.wanted == resource:
            return set()
        else:
            self._replace(candidate, resource)
        return self._publish({resource.name})

    def drop(self, name: str) -> set[str]:
        """The resource is not wanted any more."""
        candidate = self._candidates.pop(name, None)
        if candidate is None:
            return set()
        self._forget(candidate, list(candidate.contents))
        return self._publish({name})

    def acked(self, versions: Iterable[tuple[str, str]]) -> set[str]:
        """A proxy accepted these versions, so all that is in them is good."""
        touched: set[str] = set()
        for name, version in versions:
            candidate = self._candidates.get(name)
            trial = candidate.trials.pop(version, None) if candidate and candidate.trials else None
            if candidate is not None and trial is not None:
                touched |= self._prove(candidate, trial)
                self._excuse(name, version)
        return self._publish(touched) if touched or self._searches else touched

    def nacked(self, versions: Iterable[tuple[str, str]], message: str) -> set[str]:
        """A proxy rejected these versions, which it got in one response."""
        versions = list(versions)
        if any(self._is_past(name, version) for name, version in versions):
            return set()
        charged = self._charge([name for name, _ in versions], message)
        if charged:
            self._remember(frozenset(pair for pair in versions if pair[0] in charged), message)
        return self._publish(charged)

    def condemn(self, name: str, key: str, digest: str, message: str) -> set[str]:
        """Another replica's proxies rejected this content; ours need not try, unless they accepted it already."""
        candidate = self._candidates.get(name)
        fragment = candidate.contents.get(key) if candidate else None
        if candidate is None or fragment is None or digest_of(fragment) != digest or candidate.is_good(key, fragment):
            return set()
        self._forget(candidate, [key])
        self._reject(candidate, key, message)
        return self._publish({name})

    def _replace(self, candidate: Candidate, resource: Resource) -> None:
        before, after = candidate.contents, {f.key: f for f in resource.fragments}
        gone = [key for key in before if key not in after]
        changed = [key for key, fragment in after.items() if key not in before or before[key].data != fragment.data]
        if (gone or changed) and HEAD in candidate.restrained and HEAD not in candidate.good:
            changed.append(HEAD)  # what the rest of the resource is may decide whether its head is acceptable
        if HEAD in changed and HEAD in before and not candidate.is_good(HEAD, before[HEAD]):
            changed = list(before)  # what was said of the rest may have been the old head's fault
        self._forget(candidate, gone + changed)
        for key in gone:
            candidate.good.pop(key, None)
        candidate.wanted, candidate.contents = resource, after

    def _forget(self, candidate: Candidate, keys: Iterable[str]) -> None:
        """These fragments have a clean sheet: neither rejected nor under investigation."""
        if not candidate.restrained and not self._searches:
            return
        for key in keys:
            item = (candidate.wanted.name, key)
            candidate.restrained.discard(key)
            self.rejections.pop(item, None)
            for search in self._searches:
                search.forget(item)

    def _prove(self, candidate: Candidate, trial: Trial) -> set[str]:
        """What was published is good; returns the resource's name when it may have to be composed again."""
        restrained = bool(candidate.restrained)
        for key, fragment in trial.unproven.items():
            known = candidate.good.get(key)
            if key not in candidate.contents or (known is not None and known.number > trial.number):
                continue
            candidate.good[key] = Good(trial.number, fragment)
            if fragment.data == candidate.contents[key].data:
                self._forget(candidate, [key])
        return {candidate.wanted.name} if restrained else set()

    def _is_past(self, name: str, version: str) -> bool:
        candidate = self._candidates.get(name)
        return candidate is None or candidate.published is None or candidate.version != version

    def _suspects(self, name: str) -> list[Item]:
        candidate = self._candidates[name]
        trial = candidate.trials.get(candidate.version)
        unproven = trial.unproven.items() if trial else ()
        return [(name, key) for key, f in unproven if key not in candidate.restrained and not candidate.is_good(key, f)]

    def _charge(self, names: Iterable[str], message: str) -> set[str]:
        """What is published under these names was rejected: convict the only suspect, or try fewer of them."""
        suspects = [item for name in names for item in self._suspects(name)]
        if not suspects:
            return set()
        search = self._join(suspects)
        suspected = {name for name, _ in suspects}
        rest = [item for item in suspects if item[1] != HEAD] if len(suspected) == 1 else suspects
        if len(rest or suspects) == 1:
            self._convict(search, (rest or suspects)[0], message)
        else:
            self._hold(search.halve(rest or suspects, message))
        return suspected

    def _excuse(self, name: str, version: str) -> None:
        """This version is acceptable, so what was rejected together with it was rejected for the others' sake."""
        for pairs in [pairs for pairs in self._refused if (name, version) in pairs]:
            message = self._refused.pop(pairs)
            if len(pairs) > 1:
                self._refused[pairs - {(name, version)}] = message

    def _remember(self, pairs: frozenset[tuple[str, str]], message: str) -> None:
        self._refused[pairs] = message
        if len(self._refused) > _REFUSED:
            del self._refused[next(iter(self._refused))]

    def _known(self) -> tuple[frozenset[tuple[str, str]], str] | None:
        """A rejection of what is published now: no need to ask the proxies again."""
        for pairs, message in self._refused.items():
            if not any(self._is_past(name, version) for name, version in pairs):
                return pairs, message
        return None

    def _join(self, suspects: list[Item]) -> Search:
        """The search that the suspects belong to; those that touch the same suspects become one."""
        touched = [search for search in self._searches if not search.trial.isdisjoint(suspects)]
        if not touched:
            touched = [Search()]
            self._searches += touched
        first, *others = touched
        for other in others:
            first.absorb(other)
            self._searches.remove(other)
        first.trial.update(suspects)
        return first

    def _hold(self, items: Iterable[Item]) -> None:
        for name, key in items:
            self._candidates[name].restrained.add(key)

    def _convict(self, search: Search, item: Item, message: str) -> None:
        name, key = item
        candidate = self._candidates[name]
        search.convict(item)
        search.trial.discard((name, HEAD))
        if key == HEAD:
            message = self._acquit(candidate) or message
        self._reject(candidate, key, message)

    def _acquit(self, candidate: Candidate) -> str:
        """With a bad head nothing can be said about the rest: their clean sheets, and what was said about the first of them."""
        said = [self.rejections[i].message for i in sorted(self.rejections) if i[0] == candidate.wanted.name]
        self._forget(candidate, list(candidate.contents))
        return said[0] if said else ""

    def _reject(self, candidate: Candidate, key: str, message: str) -> None:
        name, fragment = candidate.wanted.name, candidate.contents[key]
        origins = candidate.wanted.origins if key == HEAD else fragment.origins
        candidate.restrained.add(key)
        self.rejections[name, key] = Rejection(name, key, digest_of(fragment), origins, message)

    def _publish(self, names: set[str]) -> set[str]:
        """Compose these resources again, and those that searches which can go on now release."""
        touched: set[str] = set()
        while True:
            names = names | self._advance()
            touched |= names
            for name in names:
                if candidate := self._candidates.get(name):
                    candidate.publish(next(self._numbers))
            known = self._known() if self._refused and names else None
            names = self._charge((name for name, _ in known[0]), known[1]) if known else set()
            if not names:
                return touched

    def _advance(self) -> set[str]:
        names = set()
        for search in self._searches:
            for name, key in search.advance():
                self._candidates[name].restrained.discard(key)
                names.add(name)
        if self._searches:
            self._searches = [search for search in self._searches if not search.over]
        return names
