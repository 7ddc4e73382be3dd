"""The values that travel through the proxy: what arrived, what was tried, what is answered. Never changed."""

from labelers.fields import Headers
from proxy.answer import Answer, Failure
from proxy.reply import Attempt, Label, Reply, called_s
from proxy.request import Request, Target
from proxy.trace import Trace
from proxy.verdicts import Fallback, Outcome, Verdict

__all__ = [
    "Answer",
    "Attempt",
    "Failure",
    "Fallback",
    "Headers",
    "Label",
    "Outcome",
    "Reply",
    "Request",
    "Target",
    "Trace",
    "Verdict",
    "called_s",
]
