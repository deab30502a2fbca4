"""Writes the reference pages that are not about one kind; run by `make generate`, compared by CI."""

from pathlib import Path

from operators.ir.problems import MEANING, Reason

REFERENCE = Path(__file__).parent / "reference"


def conditions() -> str:
    lines = [
        "# Conditions and reasons",
        "",
        "What an object says about itself: in `status.conditions` for our kinds, in the annotation `tulle.dev/conditions` and in Events for an Ingress.",
        "",
        "| condition | True | False |",
        "|---|---|---|",
        "| `Accepted` | the spec makes sense | the object as a whole is not served; the message names the field |",
        "| `ResolvedRefs` | every Service, port and Secret is there | one is not; what needs it answers 503 or refuses TLS |",
        "| `Conflicted` | another object holds a host and path of this one; the message names it | nothing is contested |",
        "| `Programmed` | every proxy that serves the object has acknowledged it | some are still waiting, or Envoy refused; its words are quoted |",
        "",
        "| reason | meaning |",
        "|---|---|",
    ]
    lines += [f"| `{reason}` | {MEANING[reason]} |" for reason in Reason]
    return "\n".join(lines) + "\n"


def main() -> None:
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / "conditions.md").write_text(conditions())


if __name__ == "__main__":
    main()
