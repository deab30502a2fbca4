"""1,000 services, 200 streams, one endpoint changes: milliseconds until each stream has received it.

The same Go client, with a connection per stream as so many Envoys would have, is connected to ours and to go-control-plane's
Linear cache (delta) in turns. The change carries the time at which it was made.
"""

from contextlib import ExitStack

from e2e.bench.processes import driven, ours, peer
from e2e.bench.report import Report, compare

GOAL = 0.5


def run(*, quick: bool) -> Report:
    services, streams, rounds, changes = (100, 50, 3, 10) if quick else (1_000, 200, 7, 20)
    sides = {"ours": ours(str(services)), "go-control-plane-linear": peer("serve", str(services))}
    samples: dict[str, list[list[float]]] = {name: [] for name in sides}
    with ExitStack() as stack:
        pairs = {}
        for name, command in sides.items():
            server = stack.enter_context(driven(*command))
            address = f"127.0.0.1:{server.answer()['port']}"
            clients = stack.enter_context(driven(*peer("streams", address, str(streams), str(services))))
            clients.answer()
            pairs[name] = server, clients
        for _ in range(rounds):
            for name, (server, clients) in pairs.items():
                took: list[float] = []
                for _ in range(changes):
                    server.ask("touch")
                    took += clients.answer()["ms"]
                samples[name].append(took)
    return compare("xds-fanout", "ms", samples.pop("ours"), samples, GOAL)
