"""One API server with our kinds for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.apiserver import ApiServer
from tests.kubectl import Kubectl, serving


@pytest.fixture(scope="session")
def api(tmp_path_factory) -> Iterator[ApiServer]:
    with serving(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(scope="session")
def kubectl(api: ApiServer) -> Kubectl:
    return Kubectl(api.kubeconfig())
