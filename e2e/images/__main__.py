"""`python -m e2e.images [NAME...]`: build images and print where their archives are."""

import argparse
import sys

from e2e.images.archives import NAMES, build
from e2e.lab.errors import LabError


def main() -> None:
    parser = argparse.ArgumentParser("python -m e2e.images", description="Build the container images (root).")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)} (default: all)")
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no such image: {', '.join(sorted(unknown))}")
    try:
        archives = build(names, report=lambda text: print(text, file=sys.stderr, flush=True))
    except LabError as error:
        sys.exit(str(error))
    for archive in archives.values():
        print(archive)


if __name__ == "__main__":
    main()
