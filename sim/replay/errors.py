"""The errors that a replay ends with; the docstring is the message's first sentence."""

from proxy.errors import PenstockError


class ReplayRefused(PenstockError):
    """The plan has problems."""

    exit_code = 2


class ReportUnusable(PenstockError):
    """The report cannot be read."""

    exit_code = 2
