"""A real kube-apiserver with etcd on loopback, without kubelets or controllers; it can be killed and started again."""

import json
import os
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from e2e.ports import free_port

ADMIN, USER = "admin-token", "user-token"
BINARIES = Path(
    os.environ.get("TULLE_KUBE_BIN", Path(os.environ.get("TULLE_CACHE", Path.home() / ".cache/tulle")) / "bin")
)


class ApiServer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.etcd_port, self.peer_port = (free_port() for _ in range(3))
        self._etcd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._write_keys()

    def start(self) -> None:
        """Return when it is ready."""
        if self._etcd is None:
            self._etcd = self._run("etcd", self._etcd_flags())
        self._server = self._run("kube-apiserver", self._flags())
        self._wait()

    def kill(self) -> None:
        """As a crash: connections break at once. What was written stays."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def stop(self) -> None:
        self.kill()
        if self._etcd is not None:
            self._etcd.kill()
            self._etcd.wait()
            self._etcd = None

    def kubeconfig(self, port: int | None = None, token: str = ADMIN) -> Path:
        """For a client that connects to `port`, where a proxy may be in between."""
        port = port or self.port
        path = self.folder / f"{token}-{port}.kubeconfig"
        cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path.write_text(json.dumps(content))
        return path

    def _write_keys(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem, raw = serialization.Encoding.PEM, serialization.NoEncryption()
        (self.folder / "sa.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, raw)
        )
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "sa.pub").write_bytes(public)
        (self.folder / "tokens.csv").write_text(f"{ADMIN},admin,admin,system:masters\n{USER},user,user,\n")

    def _etcd_flags(self) -> list[str]:
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.etcd_port, self.peer_port))
        return [
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        ]

    def _flags(self) -> list[str]:
        return [
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={self.folder / 'certs'}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={self.folder / 'sa.pub'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}",
            "--allow-privileged=true",  # as clusters are installed; a container that sets sysctls asks for it
            "--disable-admission-plugins=ServiceAccount",
            "--profiling=false",
        ]

    def _run(self, name: str, flags: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen([str(BINARIES / name), *flags], stdout=log, stderr=subprocess.STDOUT)

    def _wait(self) -> None:
        deadline = time.monotonic() + 120
        while not self._is_ready():
            if time.monotonic() > deadline or self._server is None or self._server.poll() is not None:
                raise RuntimeError((self.folder / "kube-apiserver.log").read_text()[-2000:])
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}/readyz", headers={"Authorization": f"Bearer {ADMIN}"}
        )
        try:
            with urllib.request.urlopen(request, context=ssl._create_unverified_context(), timeout=2) as answer:
                return answer.read() == b"ok"
        except (urllib.error.URLError, OSError):
            return False
