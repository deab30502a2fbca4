"""wrk, run once: requests per second and latency percentiles in milliseconds."""

import re
import subprocess
from dataclasses import dataclass

from e2e.bench.proxies import tool

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Sample:
    rps: float
    p50: float
    p99: float


def measure(port: int, host: str, connections: int, seconds: float, cpu: int) -> Sample:
    """Load 127.0.0.1:`port` over `connections` for `seconds` from one thread; every response must be a success."""
    command = [
        tool("wrk"),
        "-t1",
        f"-c{connections}",
        f"-d{seconds:.0f}s",
        "--latency",
        "-H",
        f"Host: {host}",
        f"http://127.0.0.1:{port}/",
    ]
    text = subprocess.run(["taskset", "-c", str(cpu), *command], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"requests failed:\n{text}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert rate is not None, text
    return Sample(float(rate[1]), _percentile(text, 50), _percentile(text, 99))


def _percentile(text: str, percent: int) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)$", text, re.MULTILINE)
    assert found is not None, text
    return float(found[1]) * UNITS[found[2]]
