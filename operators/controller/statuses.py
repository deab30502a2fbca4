"""What the tables and the ledger know → what the status writer asks."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from envoy_xds.ledger import Progress
from operators.controller.allocation import Allocation
from operators.controller.expected import awaiting
from operators.controller.kinds import POOL, SERVED
from operators.controller.mesh import MeshState
from operators.controller.presence import INGRESS_VIEW
from operators.ir.problems import Problem, Reason
from operators.ir.refs import ObjectRef
from operators.settings import Exposure
from operators.status.documents import Written
from operators.status.served import Known, ServedStatus, utc_now
from operators.status.writer import StatusWriter

ADDRESS = "Address"  # the kind of reference under which the ledger follows an announced address
FAILING = {"Ingress": "ingress claims", "CiliumIngress": "cilium ingress claims"}


class Statuses:
    """`settled` says whether this replica has heard all proxies by now."""

    def __init__(
        self, state: MeshState, writer: StatusWriter, settled: Callable[[], bool], now: Callable[[], datetime] = utc_now
    ) -> None:
        self._state = state
        self._writer = writer
        self._settled = settled
        self._now = now
        self._allocation: Allocation | None = None
        served = ServedStatus(self.known, self.progress, settled, now)
        for kind in SERVED:
            writer.decide(kind, served)
        writer.decide(POOL.name, self._pool)
        state.ready_proxies.subscribe(lambda _: self._ready_proxies_changed())

    def changed(self, refs: Iterable[ObjectRef]) -> None:
        """These may need another status; an address's announcement concerns all that are served there."""
        for ref in refs:
            if ref.kind == ADDRESS:
                self.mark_served()
            else:
                self._writer.mark(ref)

    def _ready_proxies_changed(self) -> None:
        """Only a replica that has not heard all proxies yet looks at those that ought to come."""
        if not self._settled():
            self.mark_served()

    def mark_served(self) -> None:
        for kind in SERVED:
            self._writer.mark_all(kind)

    def plan(self) -> None:
        """Plan the addresses anew, and write where the plan differs from what pools say."""
        allocation = self._state.allocation(settled=self._settled())
        if allocation != self._allocation:
            self._allocation = allocation
            self._writer.mark_all(POOL.name)

    def progress(self, ref: ObjectRef) -> Progress:
        """How far the object has come; a replica that has not heard all proxies yet counts those that ought to come, too."""
        found = self._state.ledger.progress(ref)
        if found.needed and self._settled():
            return found
        counted = self._state.ledger.counted_nodes(INGRESS_VIEW)
        if not found.needed:
            return replace(found, idle=bool(counted))
        return awaiting(found, self._state.expected_nodes(), counted)

    def known(self, ref: ObjectRef) -> Known | None:
        """None where the object is not ours."""
        key = f"{ref.namespace}/{ref.name}"
        tables, sources = self._state.tables, self._state.sources
        source = sources.ingresses if ref.kind == "Ingress" else sources.cilium_ingresses
        served, held = tables.objects.get(str(ref)), source.get(key)
        invalid = self._state.watched.invalid[ref.kind].get(key)
        if served is None and (invalid is None or ref.kind == "Ingress"):
            return None
        found = tables.problems.get(str(ref))
        problems = [*self._trouble(ref, key), *(found.problems if found else ())]
        gateway = served.gateway if served else ""
        return Known(
            held.metadata.generation if held else 0, problems, self._addresses(gateway), self._announced(gateway)
        )

    def _trouble(self, ref: ObjectRef, key: str) -> Iterable[Problem]:
        """What kept the object's newest version from being computed at all."""
        invalid = self._state.watched.invalid[ref.kind].get(key)
        if invalid is not None:
            yield Problem(ref, "", Reason.INVALID_SPEC, invalid.error, fatal=True)
        error = self._state.graph.failures.get((FAILING[ref.kind], key)) or self._state.attempts.failure_of(ref)
        if error is not None:
            yield Problem(ref, "", Reason.INTERNAL, f"a bug in Tulle keeps the last good version: {error!r}")

    def _addresses(self, gateway: str) -> tuple[str, ...]:
        if self._state.options.exposure is not Exposure.LOAD_BALANCER:
            serving = self._state.presence.serving()
            nodes = (node for node in self._state.sources.nodes.values() if node.metadata.name in serving)
            return tuple(address for node in nodes for address in node.internal_addresses)
        return tuple(one.address for one in self._state.tables.addresses.values() if one.owner == gateway and one.node)

    def _announced(self, gateway: str) -> frozenset[str]:
        """Addresses that are where they should be: the node's own, and those that their node's agent has acknowledged."""
        addresses = self._addresses(gateway)
        if self._state.options.exposure is not Exposure.LOAD_BALANCER:
            return frozenset(addresses)
        progress = {address: self._state.ledger.progress(ObjectRef(ADDRESS, "", address)) for address in addresses}
        return frozenset(address for address, one in progress.items() if one.needed and one.acked == one.needed)

    def _pool(self, ref: ObjectRef, written: Written) -> Written:
        if self._allocation is None:
            return written
        return self._allocation.desired(ref.name, written, self._now())
