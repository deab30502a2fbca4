"""Where things are kept: builds by content, clusters by name; nothing in the checkout."""

import os
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("TULLE_CACHE", Path.home() / ".cache/tulle"))
BINARIES = CACHE / "bin"
IMAGES = CACHE / "images"
CLUSTERS = CACHE / "lab"
