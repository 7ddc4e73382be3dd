"""The errors that a calibration ends with; the docstring is the message's first sentence."""

from proxy.errors import PenstockError


class EndpointUnfit(PenstockError):
    """The endpoint cannot be calibrated."""


class BudgetSpent(PenstockError):
    """The calibration ended before it found an answer."""


class ScheduleMissed(PenstockError):
    """The calibration is invalid."""

    exit_code = 98
