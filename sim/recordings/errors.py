"""The errors that a recording ends with; the docstring is the message's first sentence."""

from proxy.errors import PenstockError


class RecordingUnreadable(PenstockError):
    """The recording cannot be read."""

    exit_code = 2
