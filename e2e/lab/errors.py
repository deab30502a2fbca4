"""What the user of the lab can mend."""


class LabError(Exception):
    """A sentence that says what is missing and what to do."""
