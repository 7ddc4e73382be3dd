"""`penstock record`: asks a running proxy for a recording, and writes it to a file as it comes.

The file is its owner's alone, and is called `.part` until the last line has come. Decides what an operator is
told of its end; never what is recorded.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO

import msgspec

from proxy.errors import AdminUnreachable, FileUnwritable, RecordingCut, RecordingIncomplete, RecordingRefused
from proxy.recording.order import Wish
from proxy.recording.rows import ASKED, BYTES, REQUESTS, SHUTDOWN, End, EndLine

PATH = "/v1/recording"
SILENT_S_MAX = 30.0
"""How long the proxy may say nothing: it sends an empty line every few seconds."""

LINE_BYTES_MAX = 64 * 1024 * 1024
PART = ".part"
_MODE = 0o600
_END = b'{"end":'

WHY = {
    REQUESTS: "its limit of requests was reached",
    BYTES: "its limit of bytes was reached",
    ASKED: "it was asked to",
    SHUTDOWN: "the proxy stopped",
}
"""Why a recording ended before its time."""


def record(admin: tuple[str, int], wish: Wish, out: Path) -> str:
    """Record; what there is to say of it. SIGINT and SIGTERM end it early, whole.

    Raises RecordingRefused, AdminUnreachable; FileUnwritable and RecordingCut, which leave the `.part`;
    RecordingIncomplete where lines are missing of a recording that came to its end.
    """
    part = out.with_name(out.name + PART)
    with _opened(part) as file:
        try:
            end = _follow(admin, wish, file, part)
            os.fsync(file.fileno())
        except OSError as error:
            raise FileUnwritable(f"{part}: {error.strerror or error}") from error
    try:
        part.replace(out)
    except OSError as error:
        raise FileUnwritable(f"{out}: {error.strerror or error}; the recording is in {part}") from error
    return _told(end, out)


def _opened(part: Path) -> BinaryIO:
    try:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()  # of an earlier recording: its mode would stay as it is
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    except OSError as error:
        raise FileUnwritable(f"{part}: {error.strerror or error}") from error
    return os.fdopen(descriptor, "wb")


def _follow(admin: tuple[str, int], wish: Wish, file: BinaryIO, part: Path) -> End:
    """Write the lines as they come; the end. OSError is the file's."""
    host, port = admin
    connection = HTTPConnection(host, port, timeout=SILENT_S_MAX)
    try:
        answer = _begun(connection, admin, wish)
        with _ended_by_signals(lambda: _ask_to_end(admin)):
            for line in _lines(answer, admin, part):
                file.write(line)
                if line.startswith(_END):
                    return msgspec.json.decode(line, type=EndLine).end
    finally:
        connection.close()
    raise RecordingCut(f"{host}:{port} sent no end; what came before is in {part}")


def _begun(connection: HTTPConnection, admin: tuple[str, int], wish: Wish) -> HTTPResponse:
    named = f"{admin[0]}:{admin[1]}"
    try:
        connection.request("POST", PATH, msgspec.json.encode(wish))
        answer = connection.getresponse()
        if answer.status != HTTPStatus.OK:
            said = answer.read(LINE_BYTES_MAX)
    except (OSError, HTTPException) as error:
        raise AdminUnreachable(f"no proxy records at {named}: {error}") from error
    if answer.status == HTTPStatus.OK:
        return answer
    try:
        message = msgspec.json.decode(said, type=dict[str, str]).get("error", "")
    except msgspec.MsgspecError:
        message = f"{named} answers {answer.status}"
    raise RecordingRefused(message)


def _lines(answer: HTTPResponse, admin: tuple[str, int], part: Path) -> Iterator[bytes]:
    """Whole lines, empty ones left out."""
    while True:
        try:
            line = answer.readline(LINE_BYTES_MAX)
        except (OSError, HTTPException) as error:
            text = f"{admin[0]}:{admin[1]}: {error or 'the connection ended'}; what came before is in {part}"
            raise RecordingCut(text) from error
        if not line.endswith(b"\n"):
            return
        if line != b"\n":
            yield line


def _ask_to_end(admin: tuple[str, int]) -> None:
    """The rest still comes over the first connection."""
    connection = HTTPConnection(*admin, timeout=SILENT_S_MAX)
    try:
        connection.request("DELETE", PATH)
        connection.getresponse().read()
    except (OSError, HTTPException):
        return  # it has gone: the first connection ends too
    finally:
        connection.close()


@contextlib.contextmanager
def _ended_by_signals(end: Callable[[], None]) -> Iterator[None]:
    """The first signal asks for the end; a second one does what signals do."""
    before: dict[int, object] = {}

    def asked(number: int, _: object) -> None:
        signal.signal(number, before[number])  # type: ignore[arg-type]
        end()

    number: int
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


def _told(end: End, out: Path) -> str:
    early = f"; ended early: {WHY[end.why]}" if end.why in WHY else ""
    text = f"{out}: {end.requests:,} requests in {end.seconds:.1f} s{early}"
    withheld = sum(end.withheld.values())
    if withheld:
        reasons = ", ".join(f"{count:,} {why}" for why, count in sorted(end.withheld.items()))
        text += f"; {withheld:,} bodies withheld ({reasons})"
    if not end.complete:
        raise RecordingIncomplete(f"{text}; missing: {_missing(end)}")
    return text


def _missing(end: End) -> str:
    found = [f"{count:,} dropped ({why})" for why, count in sorted(end.dropped.items())]
    found += [f"{end.unfinished:,} that had not ended"] if end.unfinished else []
    found += [f"the last lines of {end.processes_lost} processes that died"] if end.processes_lost else []
    found += [f"the last lines of {end.processes_silent} silent processes"] if end.processes_silent else []
    return ", ".join(found)
