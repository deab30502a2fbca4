"""Generates `node_pb2.py` and its types from `node.proto`; run by `make generate`, compared by CI."""

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    well_known = str(files("grpc_tools") / "_proto")
    arguments = [f"-I{ROOT}", f"-I{well_known}", f"--python_out={ROOT}", f"--mypy_out={ROOT}"]
    return int(protoc.main(["protoc", *arguments, str(ROOT / "operators/node_api/node.proto")]))


if __name__ == "__main__":
    sys.exit(main())
