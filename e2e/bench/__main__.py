"""Runs one benchmark by name: `python -m e2e.bench xds-change [--quick]`. A benchmark is a module here with `run(quick)`."""

import argparse
import importlib
import json
import sys
from pathlib import Path


def names() -> list[str]:
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return [file.stem.replace("_", "-") for file in modules if "\ndef run(" in file.read_text(encoding="utf-8")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="e2e.bench", description="One benchmark against its peers.")
    parser.add_argument("name", choices=names())
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds: to try it, not to quote it")
    arguments = parser.parse_args()
    module = importlib.import_module(f"e2e.bench.{arguments.name.replace('-', '_')}")
    report = module.run(quick=arguments.quick)
    print(json.dumps(report.as_dict()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
