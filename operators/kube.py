"""The Kubernetes API over HTTP for what watches do not do: probing, electing, writing statuses.

Requests go out with the same credentials as Kopf's; answers are plain dictionaries, for the models in `crds/` to parse.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
import kopf
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PATIENCE, CONNECT = 30.0, 5.0
"""Seconds for a whole request, and for its connection."""

Body = dict[str, Any]


@dataclass
class KubeError(Exception):
    """The API server's refusal, in its own words."""

    status: int
    reason: str
    message: str
    retry_after: float | None = None
    body: Body = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.reason}: {self.message}"


# What a request raises when the server cannot be reached or does not answer in time.
UNREACHABLE = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Path:
    """The address of a kind of object."""

    group: str
    version: str
    plural: str

    def url(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        where = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{where}/{self.plural}" + "".join(f"/{part}" for part in (name, subresource) if part)

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}/{self.version}" if self.group else f"{self.plural}/{self.version}"


class Kube:
    """One connection pool; close it, or use it as a context."""

    def __init__(self, configuration: Configuration) -> None:
        self._client = ApiClient(configuration)
        self._server = server(configuration)

    @classmethod
    async def connect(cls) -> Self:
        return cls(await load())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.close()

    async def get(
        self, url: str, query: Mapping[str, str] | None = None, accept: str = JSON, patience: float = PATIENCE
    ) -> Body:
        return await self._request("GET", url, query=query, accept=accept, patience=patience)

    async def create(self, url: str, body: Body) -> Body:
        return await self._request("POST", url, body=body)

    async def replace(self, url: str, body: Body) -> Body:
        return await self._request("PUT", url, body=body)

    async def patch(self, url: str, body: Body) -> Body:
        """A merge patch: null removes, lists are replaced whole."""
        return await self._request("PATCH", url, body=body, content=MERGE_PATCH)

    async def delete(self, url: str) -> Body:
        return await self._request("DELETE", url)

    async def _request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content: str = JSON,
        accept: str = JSON,
        patience: float = PATIENCE,
    ) -> Body:
        headers = {"Accept": accept, "Content-Type": content, "User-Agent": "tulle-controller"}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"])
        response = await self._client.rest_client.request(
            method,
            self._server + url,
            headers=headers,
            query_params=dict(query or {}),
            body=body,
            _preload_content=False,
            _request_timeout=aiohttp.ClientTimeout(total=patience, sock_connect=CONNECT),
        )
        async with response:
            text = await response.text()
            if response.status >= 400:
                raise _refusal(response, text)
            answer: Body = json.loads(text)
            return answer


def _refusal(response: aiohttp.ClientResponse, text: str) -> KubeError:
    try:
        status = json.loads(text)
    except ValueError:  # a proxy in between speaks plain text
        status = {}
    wait = response.headers.get("Retry-After")
    return KubeError(
        response.status,
        str(status.get("reason") or response.reason),
        str(status.get("message") or text[:200]),
        float(wait) if wait and wait.isdigit() else None,
        status,
    )


async def load() -> Configuration:
    """Credentials of the pod's service account, or of the kubeconfig outside of a cluster."""
    configuration = Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        # read now: the client looks at the environment when it is imported
        await config.load_kube_config(config_file=os.environ.get("KUBECONFIG"), client_configuration=configuration)
    return configuration


def server(configuration: Configuration) -> str:
    if not configuration.host:
        raise ValueError("the kubeconfig names no server")
    return str(configuration.host)


async def login(**_: object) -> kopf.ConnectionInfo:
    """Kopf's login handler; called again whenever the API server answers 401, so a rotated token is read anew."""
    configuration = await load()
    header = await configuration.get_api_key_with_prefix("BearerToken")
    return kopf.ConnectionInfo(
        server=server(configuration),
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        token=header.removeprefix("Bearer ").strip() if header else None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
    )
