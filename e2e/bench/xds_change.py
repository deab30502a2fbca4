"""10,000 clusters in a real Envoy, the endpoint of one changes: milliseconds until Envoy's acknowledgement.

Ours and go-control-plane's Linear cache (delta), each with an Envoy of its own that has everything, take turns. The time runs
from before the new resource is made to the acknowledgement in the server's process.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from e2e.bench.processes import Driven, driven, ours, peer
from e2e.bench.report import Report, compare
from tests.xds.envoys import binary, bootstrap

GOAL = 0.5


def run(*, quick: bool) -> Report:
    clusters, rounds, changes = (1_000, 3, 20) if quick else (10_000, 7, 50)
    sides = {"ours": ours(str(clusters)), "go-control-plane-linear": peer("serve", str(clusters))}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(loaded(command, clusters)) for name, command in sides.items()}
        for server in servers.values():
            server.ask("change 5")
        samples: dict[str, list[list[float]]] = {name: [] for name in sides}
        for _ in range(rounds):
            for name, server in servers.items():
                samples[name].append(server.ask(f"change {changes}")["ms"])
    return compare("xds-change", "ms", samples.pop("ours"), samples, GOAL)


@contextmanager
def loaded(command: tuple[str, ...], clusters: int) -> Iterator[Driven]:
    """A server whose Envoy has all clusters warm."""
    with driven(*command) as server, tempfile.TemporaryDirectory() as folder:
        config = bootstrap(server.answer()["port"], "bench")
        (Path(folder) / "bootstrap.json").write_text(json.dumps(config), encoding="utf-8")
        options = ["--concurrency", "1", "--use-dynamic-base-id", "-l", "error"]
        paths = ["-c", f"{folder}/bootstrap.json", "--admin-address-path", f"{folder}/admin"]
        envoy = subprocess.Popen([binary(), *options, *paths], stdout=subprocess.DEVNULL)
        try:
            wait_for_warm(envoy, Path(folder) / "admin", clusters)
            yield server
        finally:
            envoy.kill()
            envoy.wait()


def wait_for_warm(envoy: subprocess.Popen[bytes], admin: Path, clusters: int) -> None:
    begin = time.monotonic()
    while active(admin) < clusters + 1:  # and the one of the bootstrap
        if envoy.poll() is not None or time.monotonic() > begin + 300:
            raise RuntimeError(f"Envoy has {active(admin)} of {clusters} clusters")
        time.sleep(0.25)
    print(f"{clusters} clusters warm after {time.monotonic() - begin:.1f} s", file=sys.stderr)


def active(admin: Path) -> int:
    if not admin.exists() or not (address := admin.read_text(encoding="utf-8")):
        return 0
    url = f"http://{address}/stats?filter=^cluster_manager.active_clusters$"
    with urllib.request.urlopen(url, timeout=60) as answer:
        return int(answer.read().split()[-1])
