"""Envoy's admin interface on its Unix socket. Standard library only: it runs in Envoy's image."""

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 5.0


class AdminUnreachable(OSError):  # noqa: N818 - reads as a sentence where it is raised
    """Envoy does not answer: it has not started, or it is gone."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("envoy", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


@dataclass(frozen=True, slots=True)
class Admin:
    path: Path

    def post(self, url: str) -> str:
        return self._request("POST", url)[1]

    def get(self, url: str) -> tuple[int, str]:
        return self._request("GET", url)

    def statistics(self, pattern: str) -> dict[str, int]:
        """Counters and gauges by name."""
        _, text = self.get(f"/stats?format=json&filter={pattern}")
        return {one["name"]: one["value"] for one in json.loads(text)["stats"] if isinstance(one.get("value"), int)}

    def connections(self) -> int:
        """Open connections of clients."""
        found = self.statistics("^listener\\..*\\.downstream_cx_active$")
        return sum(number for name, number in found.items() if not name.startswith("listener.admin."))

    def not_ready(self) -> str | None:
        """Why it should get no traffic; None when it should."""
        status, state = self.get("/ready")
        if status != 200:
            return f"Envoy is {state.strip()}"
        accepted = self.statistics("^listener_manager\\.lds\\.update_success$")
        return None if sum(accepted.values()) else "no listeners were received yet"

    def _request(self, method: str, url: str) -> tuple[int, str]:
        connection = _UnixConnection(self.path)
        try:
            connection.request(method, url)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise AdminUnreachable(f"no answer on {self.path}: {error}") from error
        finally:
            connection.close()
