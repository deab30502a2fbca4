"""Prometheus metrics, read from the parts when they are scraped: nothing is counted twice, and a part needs no metrics library."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from operators.collections import Graph
from operators.watches import Watch

Metric = CounterMetricFamily | GaugeMetricFamily
COMMIT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Readings(Collector):
    """What `read` yields at each scrape."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()


def graph_metrics(graph: Graph) -> Iterator[Metric]:
    size = GaugeMetricFamily("tulle_collection_objects", "Values in a collection.", labels=["collection"])
    runs = CounterMetricFamily("tulle_collection_recomputed", "Inputs that were computed again.", labels=["collection"])
    seconds = CounterMetricFamily("tulle_collection_seconds", "Time spent computing.", labels=["collection"])
    clashes = CounterMetricFamily(
        "tulle_collection_collisions", "Outputs claimed by several inputs.", labels=["collection"]
    )
    for one in graph.collections:
        size.add_metric([one.name], len(one))
        runs.add_metric([one.name], one.stats.recomputed)
        seconds.add_metric([one.name], one.stats.seconds)
        clashes.add_metric([one.name], one.stats.collisions)
    yield from (size, runs, seconds, clashes)
    yield GaugeMetricFamily("tulle_collection_failures", "Inputs whose function raises.", value=len(graph.failures))


def watch_metrics(watches: Sequence[Watch]) -> Iterator[Metric]:
    held = GaugeMetricFamily("tulle_watched_objects", "Objects that arrived and are not deleted.", labels=["kind"])
    for watch in watches:
        held.add_metric([watch.path.plural], len(watch.seen))
    yield held


def commit_histogram(registry: CollectorRegistry) -> Callable[[float], None]:
    """To be told how long each commit took."""
    histogram = Histogram(
        "tulle_commit_seconds",
        "Time from a commit's start until all are told.",
        buckets=COMMIT_BUCKETS,
        registry=registry,
    )
    return histogram.observe


def gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)


def counter(name: str, about: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, about, value=value)
