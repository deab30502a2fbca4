"""Writes a single-layer OCI image archive that `ctr images import` takes; the same input gives the same digests."""

import hashlib
import io
import json
import os
import platform
import tarfile
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Image:
    """`files` are paths in the image → files here, all executable."""

    name: str
    files: dict[str, Path]
    entrypoint: tuple[str, ...]
    user: str = ""


def write(image: Image, target: Path) -> None:
    layer = _layer(image.files)
    digest = f"sha256:{_sha(layer)}"
    settings = {"Entrypoint": list(image.entrypoint), "User": image.user, "WorkingDir": "/"}
    machine = {"architecture": ARCHITECTURES[platform.machine()], "os": "linux"}
    config = _json(machine | {"config": settings, "rootfs": {"type": "layers", "diff_ids": [digest]}})
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    )
    entry = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    named = entry | {
        "annotations": {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name}
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(f".{os.getpid()}")
    with tarfile.open(unfinished, "w") as archive:
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", _json({"schemaVersion": 2, "manifests": [named]}))
        for blob in (layer, config, manifest):
            _add(archive, f"blobs/sha256/{_sha(blob)}", blob)
    unfinished.rename(target)


def _layer(files: dict[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, source in sorted(files.items()):
            _add(archive, path.lstrip("/"), source.read_bytes(), mode=0o755)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{_sha(data)}", "size": len(data)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
