"""The errors that reading or simulating a fleet ends with; the docstring is the message's first sentence."""

from proxy.errors import PenstockError


class FleetRefused(PenstockError):
    """The fleet has problems."""

    exit_code = 2
