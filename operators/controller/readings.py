"""The controller's metrics, read from its parts at each scrape."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from operators.metrics import Metric, counter, gauge, graph_metrics, watch_metrics

if TYPE_CHECKING:
    from operators.controller.process import Controller


def read(controller: "Controller") -> Iterator[Metric]:
    state = controller.state
    yield from graph_metrics(state.graph)
    yield from watch_metrics(controller.watches)
    yield gauge("tulle_leading", "1 where this replica writes.", float(controller.election.leading))
    yield gauge(
        "tulle_serving_nodes", "Nodes with a connected ingress proxy, at any replica.", len(state.presence.serving())
    )
    yield gauge("tulle_quarantined", "Parts that Envoy rejected.", sum(len(cache.quarantined) for cache in state.views))
    yield counter("tulle_status_writes", "Status writes.", controller.writer.writes)
    yield counter("tulle_status_retries", "Status writes that were put off.", controller.writer.retries)
