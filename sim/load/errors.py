"""The errors that a load command ends with; the docstring is the message's first sentence."""

from proxy.errors import PenstockError


class PlanRefused(PenstockError):
    """The load is not sent."""

    exit_code = 2


class GeneratorFailed(PenstockError):
    """A process of the generator failed."""
