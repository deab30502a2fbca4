"""Whether Envoy will take an expression: RE2 itself is asked, with the options that Envoy gives it."""

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False  # the user is told instead


def fault(expression: str) -> str | None:
    """Why RE2 refuses `expression`, as the end of a sentence."""
    try:
        re2.compile(expression, _OPTIONS)
    except re2.error as error:
        said = error.args[0]
        return (
            f"is not a regular expression of RE2: {said.decode(errors='replace') if isinstance(said, bytes) else said}"
        )
    return None
