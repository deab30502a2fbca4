"""The agent's state as metrics, read at the scrape."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class Reading:
    held: int
    problems: int
    connected: bool
    renew_at: float  # seconds since 1970; 0 without a certificate
    balanced: bool | None = None  # None where services are not ours
    service_writes: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    """Of the programs: flows by what became of them."""


class AgentMetrics(Collector):
    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        now = self._read()
        yield GaugeMetricFamily("tulle_agent_addresses", "Load-balancer addresses that this node holds.", now.held)
        yield GaugeMetricFamily(
            "tulle_agent_address_problems", "Addresses that this node should hold and cannot.", now.problems
        )
        yield GaugeMetricFamily("tulle_agent_connected", "Whether the controller is heard.", float(now.connected))
        yield GaugeMetricFamily(
            "tulle_agent_certificate_renewal_timestamp_seconds", "When the certificate is due.", now.renew_at
        )
        if now.balanced is not None:
            yield GaugeMetricFamily(
                "tulle_agent_services_balanced", "Whether this node's kernel knows all services.", float(now.balanced)
            )
            yield CounterMetricFamily(
                "tulle_agent_service_writes", "Entries of services that were written or deleted.", now.service_writes
            )
            flows = CounterMetricFamily(
                "tulle_agent_service_flows",
                "Connections and unconnected datagrams to services: translated, refused (no backend), no_slot, map_full.",
                labels=["outcome"],
            )
            for name, count in now.counts.items():
                flows.add_metric([name], count)
            yield flows
