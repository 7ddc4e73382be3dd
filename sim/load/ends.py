"""How a request ends: with a status, or, as numbers below 0, without one."""

UNSENT = 0  # no connection was to be had until the end
CUT = -1  # the connection was lost before the answer was whole
UNCONNECTED = -2  # no connection could be opened
NOT_HTTP = -3
TIMED_OUT = -4  # without an answer for `answer_s_max`
UNANSWERED = -5  # when the run ended

WORDS = {
    UNSENT: "unsent",
    CUT: "cut",
    UNCONNECTED: "unconnected",
    NOT_HTTP: "not-http",
    TIMED_OUT: "timed-out",
    UNANSWERED: "unanswered",
}


def word(end: int) -> str:
    """As a result names it: the status' digits, or a word."""
    return WORDS.get(end) or str(end)
