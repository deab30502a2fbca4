"""Writes the reference pages that are not about one kind; run by `make generate`, compared by CI."""

from pathlib import Path

from operators.ir.problems import MEANING, Reason

REFERENCE = Path(__file__).parent / "reference"
CONDITIONS = {
    "Accepted": ("the spec makes sense", "the object as a whole is not served; the message names the field"),
    "ResolvedRefs": (
        "every Service, port and Secret is there",
        "one is not; what needs it answers 503 or refuses TLS",
    ),
    "Conflicted": ("an older object holds a host and path of this one; the message names it", "never: it is left out"),
    "Programmed": (
        "every proxy that serves the object has acknowledged it",
        "some are still waiting, or Envoy refused; its words are quoted",
    ),
}
# What `Programmed` gives as reason beside those of a user's mistakes.
PROGRESS = {
    "Programmed": "All proxies have acknowledged it.",
    "Pending": "Some proxies have not acknowledged it yet; the message names them.",
    "NoProxies": "No ingress proxy is connected to the controller.",
    "EnvoyRejected": "Envoy refused it and goes on with what it had; the message has its words. Other objects are not touched.",
    "NothingServed": "Nothing of it is left to serve, as all its paths are another object's; the other conditions say why.",
    "NotAccepted": "It is not accepted, so it is not served.",
}


def conditions() -> str:
    lines = [
        "# Conditions and reasons",
        "",
        "What an object says about itself: in `status.conditions` for our kinds, in the annotation `tulle.dev/conditions` and in Events for an Ingress.",
        "",
        "| condition | True | False |",
        "|---|---|---|",
        *(f"| `{name}` | {true} | {false} |" for name, (true, false) in CONDITIONS.items()),
        "",
        "A condition that is as it should be has its own name as reason.",
        "",
        "| reason | meaning |",
        "|---|---|",
        *(f"| `{reason}` | {MEANING[reason]} |" for reason in Reason),
        *(f"| `{reason}` | {meaning} |" for reason, meaning in PROGRESS.items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / "conditions.md").write_text(conditions())


if __name__ == "__main__":
    main()
