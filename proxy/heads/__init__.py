"""Heads of plain HTTP messages: read in one pass, passed on undecoded, written in one piece.

In Python here; where the hot path is compiled, by the twin in Cython (`_swift.pyx`), which does the same.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

from proxy.heads.answer import AnswerReader
from proxy.heads.request import RequestReader
from proxy.heads.writing import write_answer_head, write_attempt, write_request_head

if not TYPE_CHECKING:
    with suppress(ImportError):  # where it is not compiled
        from proxy.heads._swift import (
            AnswerReader,
            RequestReader,
            write_answer_head,
            write_attempt,
            write_request_head,
        )

__all__ = ["AnswerReader", "RequestReader", "write_answer_head", "write_attempt", "write_request_head"]
