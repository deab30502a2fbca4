"""The OCI archives that we write ourselves."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from e2e.lab import oci


@pytest.fixture
def image(tmp_path) -> oci.Image:
    program = tmp_path / "program"
    program.write_bytes(b"program")
    return oci.Image("tulle.local/x:1", {"/bin/x": program, "/a": program}, ("/bin/x",), user="1:1")


def contents(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def test_every_blob_is_named_by_its_content_and_described_by_its_size(image, tmp_path):
    oci.write(image, tmp_path / "x.tar")
    files = contents(tmp_path / "x.tar")
    blobs = {name.rsplit("/", 1)[1]: data for name, data in files.items() if name.startswith("blobs/")}
    entry = json.loads(files["index.json"])["manifests"][0]
    manifest = json.loads(blobs[entry["digest"].removeprefix("sha256:")])

    assert all(hashlib.sha256(data).hexdigest() == name for name, data in blobs.items())
    for described in (manifest["config"], *manifest["layers"]):
        assert described["size"] == len(blobs[described["digest"].removeprefix("sha256:")])
    assert entry["annotations"]["io.containerd.image.name"] == "tulle.local/x:1"


def test_files_are_executable_and_the_configuration_says_what_runs(image, tmp_path):
    oci.write(image, tmp_path / "x.tar")
    files = contents(tmp_path / "x.tar")
    manifest = json.loads(files[_blob(json.loads(files["index.json"])["manifests"][0])])
    config = json.loads(files[_blob(manifest["config"])])
    with tarfile.open(fileobj=io.BytesIO(files[_blob(manifest["layers"][0])])) as layer:
        modes = {member.name: member.mode for member in layer}

    assert modes == {"bin/x": 0o755, "a": 0o755}
    assert config["config"] == {"Entrypoint": ["/bin/x"], "User": "1:1", "WorkingDir": "/"}
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]


def test_the_same_input_gives_the_same_bytes_and_nothing_else_is_left(image, tmp_path):
    for name in ("one", "two"):
        oci.write(image, tmp_path / name / "x.tar")

    assert (tmp_path / "one/x.tar").read_bytes() == (tmp_path / "two/x.tar").read_bytes()
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["x.tar"]


def _blob(described: dict[str, str]) -> str:
    return f"blobs/sha256/{described['digest'].removeprefix('sha256:')}"
