"""How often one host may ask: a bucket of tokens for each, of the hosts that asked last."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

REMEMBERED = 4096


class Limiter:
    """`burst` at once, `rate` a second after that."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # host → tokens, when they were counted

    def allows(self, host: str) -> bool:
        """Takes a token. A refused call costs none, so that who asks too often is slowed down but not shut out."""
        now = self._clock()
        tokens, at = self._buckets.get(host, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        allowed = tokens >= 1
        self._buckets[host] = (tokens - allowed, now)
        self._buckets.move_to_end(host)
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return allowed
