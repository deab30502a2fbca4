"""A real API server for all tests of this folder, a namespace and a client for each."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from operators.controller.kinds import CILIUM_INGRESS
from operators.kube import Kube, KubeError
from tests.control.apiserver import BINARIES, ApiServer
from tests.control.wire import Wire

MANIFESTS = Path(__file__).parents[2] / "crds/manifests"


@pytest.fixture(scope="session")
def api(tmp_path_factory) -> Iterator[ApiServer]:
    if not (BINARIES / "kube-apiserver").exists():
        if os.environ.get("CI"):
            pytest.fail(f"no kube-apiserver in {BINARIES}")
        pytest.skip(f"no kube-apiserver in {BINARIES}")
    server = ApiServer(tmp_path_factory.mktemp("apiserver"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


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


@pytest_asyncio.fixture
async def crds(kube: Kube) -> None:
    """Our kinds, served."""
    for path in sorted(MANIFESTS.glob("*.yaml")):
        body = yaml.safe_load(path.read_text())
        url = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        try:
            await kube.create(url, body)
        except KubeError as error:
            if error.status != 409:
                raise
    async with asyncio.timeout(30):
        while not await served(kube):  # noqa: ASYNC110 - a kind is served some time after it was accepted
            await asyncio.sleep(0.05)


async def served(kube: Kube) -> bool:
    try:
        await kube.get(CILIUM_INGRESS.path.url())
    except KubeError:
        return False
    return True
