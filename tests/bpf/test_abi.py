"""Python's layouts and enums are those of `abi.h`, by the BTF of a compiled object."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bpf.build import SOURCE, compile_command, ensure
from bpf.maps import services
from bpf.maps.layout import Layout

LAYOUTS = [one for one in vars(services).values() if isinstance(one, Layout)]
ENUMS = {
    "counter": ("COUNTER", services.Counter),
    "scope": ("SCOPE", services.Scope),
    "service_flag": ("SERVICE", services.ServiceFlag),
}


def types_of(file: Path) -> list[dict[str, Any]]:
    dumped = subprocess.run(["bpftool", "-j", "btf", "dump", "file", file], check=True, capture_output=True)
    return json.loads(dumped.stdout)["types"]


@pytest.fixture(scope="module")
def types() -> list[dict[str, Any]]:
    return [one for file in sorted(ensure().glob("*.o")) for one in types_of(file)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.name)
def test_a_layout_is_the_structs(layout: Layout, types):
    struct = next(one for one in types if one["kind"] == "STRUCT" and one["name"] == layout.name)

    assert {member["name"]: member["bits_offset"] // 8 for member in struct["members"]} == layout.offsets()
    assert struct["size"] == layout.size


@pytest.fixture(scope="module")
def enums(tmp_path_factory) -> dict[str, dict[str, int]]:
    """By name, the names and numbers of their values. Compiled on purpose: what only code uses is not in an object's BTF."""
    source = tmp_path_factory.mktemp("abi") / "enums.c"
    variables = "".join(f"enum {name} {name}_;\n" for name in ENUMS)
    source.write_text(f'#include <linux/types.h>\n#include "{SOURCE}/include/abi.h"\n{variables}')
    target = source.with_suffix(".o")
    subprocess.run(compile_command(source, target), check=True)
    return {
        one["name"]: {v["name"]: v["val"] for v in one["values"]} for one in types_of(target) if one["kind"] == "ENUM"
    }


@pytest.mark.parametrize("name", ENUMS)
def test_an_enum_has_the_same_names_and_numbers(name: str, enums):
    prefix, ours = ENUMS[name]

    assert enums[name] == {f"{prefix}_{one.name}": one.value for one in ours}
