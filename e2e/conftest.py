"""The cluster with Tulle installed, and a client outside of it."""

from collections.abc import Iterator

import pytest

from e2e.install import NAMESPACE, install
from e2e.lab import ClientNamespace, Cluster, LabError


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep", action="store_true", help="leave the cluster up, and use it again next time")
    parser.addoption("--cluster", default="e2e", help="the cluster's name")


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Two nodes, without Tulle."""
    name, keep = request.config.getoption("--cluster"), request.config.getoption("--keep")
    try:
        found = Cluster.load(name)
    except LabError:
        found = Cluster.up(name, nodes=2)
    yield found
    if not keep:
        found.down()


@pytest.fixture(scope="session")
def tulle(cluster: Cluster) -> Cluster:
    """The cluster with Tulle in it."""
    install(cluster)
    return cluster


@pytest.fixture(scope="session")
def client(cluster: Cluster) -> Iterator[ClientNamespace]:
    """A machine outside of the cluster."""
    with ClientNamespace(cluster.layout.number) as outside:
        yield outside


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """What the parts of Tulle said last goes into the report of a failure."""
    report = yield
    cluster = getattr(item, "funcargs", {}).get("tulle")
    if report.failed and cluster is not None:
        pods = cluster.kubectl("get", "pods", "-A", "-o", "wide", check=False)
        report.sections.append(("pods", pods))
        for part in ("controller", "agent", "envoy"):
            selector = f"app.kubernetes.io/component={part}"
            log = cluster.kubectl("-n", NAMESPACE, "logs", "-l", selector, "--tail=40", "--prefix", check=False)
            report.sections.append((f"tulle-{part}", log))
    return report
