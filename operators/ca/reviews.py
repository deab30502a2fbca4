"""Bearer tokens → which pod on which node sent them, by the API server's word."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from time import monotonic
from typing import Any

from operators.kube import Kube, Path

AUDIENCE = "tulle.dev/ca"
TOKEN_REVIEWS = Path("authentication.k8s.io", "v1", "tokenreviews")
NODE, POD = "authentication.kubernetes.io/node-name", "authentication.kubernetes.io/pod-name"
REMEMBERED_SECONDS = 30.0
REMEMBERED = 1000


class NotAuthenticated(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """The token proves nothing; the message is the API server's."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token was made for; node and pod are empty where the API server does not say."""

    user: str
    node: str = ""
    pod: str = ""


Review = Callable[[str], Awaitable[Caller]]


class TokenReviewer:
    def __init__(self, kube: Kube, audience: str = AUDIENCE) -> None:
        self._kube = kube
        self._audience = audience

    async def __call__(self, token: str) -> Caller:
        spec = {"token": token, "audiences": [self._audience]}
        answer = await self._kube.create(TOKEN_REVIEWS.url(), {"spec": spec})
        return read(answer.get("status") or {}, self._audience)


def read(status: Mapping[str, Any], audience: str) -> Caller:
    """The status of a TokenReview."""
    if not status.get("authenticated"):
        raise NotAuthenticated(status.get("error") or "the API server does not know this token")
    if audience not in (status.get("audiences") or ()):
        raise NotAuthenticated(f"the token is not meant for {audience}")
    user = status.get("user") or {}
    extra = user.get("extra") or {}
    return Caller(user.get("username", ""), _first(extra.get(NODE)), _first(extra.get(POD)))


def _first(values: Any) -> str:
    return str(values[0]) if values else ""


@dataclass(slots=True)
class Remembering:
    """Asks once for a token that was good a moment ago; refusals are asked again. Keeps hashes, not tokens."""

    review: Review
    clock: Callable[[], float] = monotonic
    _good: OrderedDict[bytes, tuple[float, Caller]] = field(default_factory=OrderedDict)

    async def __call__(self, token: str) -> Caller:
        key = sha256(token.encode()).digest()
        until, caller = self._good.get(key, (0.0, None))
        if caller is not None and self.clock() < until:
            return caller
        caller = await self.review(token)
        self._good[key] = (self.clock() + REMEMBERED_SECONDS, caller)
        self._good.move_to_end(key)
        while len(self._good) > REMEMBERED:
            self._good.popitem(last=False)
        return caller
