"""A real API server for all tests of this folder, a namespace and a client for each."""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from operators.kube import Kube
from tests.apiserver import ApiServer
from tests.control.wire import Wire
from tests.kubectl import serving


@pytest.fixture(scope="session")
def api(tmp_path_factory) -> Iterator[ApiServer]:
    with serving(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest_asyncio.fixture
async def wire(api: ApiServer) -> AsyncIterator[Wire]:
    """What the code under test connects through."""
    async with Wire(api.port) as proxy:
        yield proxy


@pytest.fixture
def credentials(api: ApiServer, wire: Wire, monkeypatch) -> None:
    """The code under test finds the API server by its kubeconfig, through the wire."""
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(wire.port)))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


@pytest_asyncio.fixture
async def kube(api: ApiServer, monkeypatch) -> AsyncIterator[Kube]:
    """The test's own client, not through the wire."""
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig()))
    async with await Kube.connect() as client:
        yield client


@pytest_asyncio.fixture
async def namespace(kube: Kube) -> str:
    name = f"test-{uuid.uuid4().hex[:8]}"
    await kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
    return name
