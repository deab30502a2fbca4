"""What a benchmark says in the end: one JSON object on the last line, ours beside the peers measured in the same run."""

import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

Samples = Sequence[float]


@dataclass(frozen=True, slots=True)
class Report:
    name: str
    unit: str
    ours: dict[str, float]
    peers: dict[str, dict[str, float]]
    ratio: float
    goal: str
    holds: bool
    runs: int
    kernel: str
    cpus: int

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def percentile(samples: Samples, share: float) -> float:
    """The smallest sample that at least this share of the samples does not exceed."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def summary(rounds: Sequence[Samples]) -> dict[str, float]:
    """The median of the rounds' medians, so that a disturbed round does not decide; the tail over all samples."""
    everything = [sample for samples in rounds for sample in samples]
    return {
        "p50": round(statistics.median(statistics.median(samples) for samples in rounds), 3),
        "p90": round(percentile(everything, 0.9), 3),
        "p99": round(percentile(everything, 0.99), 3),
        "max": round(max(everything), 3),
        "samples": len(everything),
    }


def compare(name: str, unit: str, ours: Sequence[Samples], peers: dict[str, Sequence[Samples]], goal: float) -> Report:
    """Smaller is better; the ratio is ours to the best peer, the median over rounds that were measured side by side."""
    ratio = max(
        statistics.median(
            statistics.median(mine) / statistics.median(theirs) for mine, theirs in zip(ours, rounds, strict=True)
        )
        for rounds in peers.values()
    )
    return Report(
        name=name,
        unit=unit,
        ours=summary(ours),
        peers={peer: summary(rounds) for peer, rounds in peers.items()},
        ratio=round(ratio, 3),
        goal=f"ratio of p50 <= {goal}",
        holds=ratio <= goal,
        runs=len(ours),
        kernel=platform.release(),
        cpus=os.cpu_count() or 1,
    )
