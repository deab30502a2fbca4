"""The CA in the cluster: Secret `tulle-ca`, made once by whichever replica comes first or given by someone else; its roots for all to read in ConfigMap `tulle-ca-bundle`."""

from base64 import b64decode, b64encode
from datetime import datetime

import structlog

from operators.ca.authority import Authority, make_root
from operators.ca.given import UnusableAuthority, dump, parse
from operators.kube import Body, Kube, KubeError, Path

log = structlog.get_logger("ca")

SECRET = "tulle-ca"  # noqa: S105 - a name
CONFIG_MAP = "tulle-ca-bundle"
BUNDLE = "ca.crt"
SECRETS, CONFIG_MAPS = Path("", "v1", "secrets"), Path("", "v1", "configmaps")
LABELS = {"app.kubernetes.io/part-of": "tulle"}


class Store:
    def __init__(self, kube: Kube, namespace: str, trust_domain: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._trust_domain = trust_domain

    async def load(self, now: datetime) -> Authority:
        """The CA as it is in the cluster; made if nobody gave one."""
        body = await self._find(SECRETS, SECRET) or await self._create(now)
        try:
            data = {name: b64decode(value, validate=True) for name, value in (body.get("data") or {}).items()}
            return parse(data, now)
        except ValueError as error:
            raise UnusableAuthority(f"Secret {self._namespace}/{SECRET}: {error}") from error

    async def publish(self, bundle: bytes) -> None:
        """Agents verify the controller by these roots before they have a certificate."""
        data = {BUNDLE: bundle.decode()}
        found = await self._find(CONFIG_MAPS, CONFIG_MAP)
        if found is None:
            try:
                await self._kube.create(CONFIG_MAPS.url(self._namespace), self._object(CONFIG_MAP, data=data))
            except KubeError as error:
                if error.status != 409:
                    raise
        elif (found.get("data") or {}).get(BUNDLE) != data[BUNDLE]:
            await self._kube.patch(CONFIG_MAPS.url(self._namespace, CONFIG_MAP), {"data": data})

    async def _create(self, now: datetime) -> Body:
        """Ours, or that of another replica which was faster."""
        data = {name: b64encode(value).decode() for name, value in dump(make_root(self._trust_domain, now)).items()}
        body = self._object(SECRET, type="kubernetes.io/tls", data=data)
        try:
            created = await self._kube.create(SECRETS.url(self._namespace), body)
        except KubeError as error:
            if error.status != 409:
                raise
            return await self._kube.get(SECRETS.url(self._namespace, SECRET))
        log.info("made a root for the mesh", secret=f"{self._namespace}/{SECRET}")
        return created

    async def _find(self, path: Path, name: str) -> Body | None:
        try:
            return await self._kube.get(path.url(self._namespace, name))
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    def _object(self, name: str, **fields: object) -> Body:
        return {"metadata": {"name": name, "namespace": self._namespace, "labels": LABELS}, **fields}
