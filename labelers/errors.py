"""What can go wrong: a payload that cannot be read, a labeler that cannot be built, a bad yield."""


class BodyUnread(Exception):
    """A labeler that says `reads = "head"` asked for the body: its bug, no fault of the payload."""


class PayloadError(ValueError):
    """The payload cannot be read as what a labeler asked for; the message says why, without its content."""


class BadLabeler(Exception):
    """A labeler cannot be built from a table's entry; the message says why and what would do."""


class BadYield(ValueError):
    """A labeler yielded what is not labels; the message says what."""
