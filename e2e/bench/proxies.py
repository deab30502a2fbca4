"""Proxies and a backend for load benchmarks on loopback: configuration written, process started, ended by pid."""

import json
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import envoy

ENVOY = Path(envoy.__file__).parent / "_bin" / "envoy"
BODY = "x" * 128


@contextmanager
def running(command: Sequence[str | Path], port: int, cpu: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start `command` pinned to `cpu`, wait until `port` accepts, end it afterwards."""
    with subprocess.Popen(
        ["taskset", "-c", str(cpu), *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            _await_port(process, port)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        return
    message = process.stderr.read().decode() if process.stderr else ""
    raise RuntimeError(f"{process.args} ended with {process.returncode}: {message}")


def nginx_backend(folder: Path, port: int) -> list[str | Path]:
    """A server that answers every request from memory."""
    return _nginx(
        folder / "backend", f"server {{ listen 127.0.0.1:{port} reuseport; location / {{ return 200 '{BODY}'; }} }}"
    )


def nginx_proxy(folder: Path, port: int, upstream: int) -> list[str | Path]:
    location = (
        "proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host;"
    )
    servers = f"upstream up {{ server 127.0.0.1:{upstream}; keepalive 256; }}"
    return _nginx(folder / "nginx", f"{servers} server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }}")


def _nginx(folder: Path, http: str) -> list[str | Path]:
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr warn; events {{ worker_connections 4096; }}"
        f"http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;"
        f" fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; {http} }}"
    )
    return [tool("nginx"), "-p", folder, "-c", config]


def haproxy(folder: Path, port: int, upstream: int) -> list[str | Path]:
    config = folder / "haproxy.cfg"
    config.write_text(
        "global\n nbthread 1\n maxconn 4096\n"
        "defaults\n mode http\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n option http-keep-alive\n"
        f"frontend f\n bind 127.0.0.1:{port}\n default_backend b\nbackend b\n http-reuse always\n server s 127.0.0.1:{upstream}\n"
    )
    return [tool("haproxy"), "-db", "-f", config]


def envoy_minimal(folder: Path, port: int, upstream: int) -> list[str | Path]:
    """The same Envoy with the least configuration that forwards: the bar for ours."""
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "minimal",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "backend"}}],
                }
            ]
        },
        "http_filters": [_typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")],
    }
    listener = {
        "address": _address(port),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "backend",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(upstream)}}]}],
        },
    }
    config = folder / "minimal.json"
    config.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}))
    return envoy_command(config)


def envoy_command(config: Path) -> list[str | Path]:
    return [ENVOY, "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "warn"]


def _typed(name: str, message: str) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{message}"}}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def tool(name: str) -> str:
    """The path of a benchmark tool, or an error that says how to get it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        raise SystemExit(f"{name} is missing: apt-get install -y nginx-light haproxy wrk")
    return found


@contextmanager
def workspace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tulle-bench-") as folder:
        yield Path(folder)
