"""A recording read back: all of it, or half of it that says so, or every line that is wrong."""

import gzip
from pathlib import Path

import pytest

from sim.recordings.errors import RecordingUnreadable
from sim.recordings.reading import is_recording, read_recording
from tests.stand_ins.recordings import end, row, write


def test_rows_are_read_by_arrival(tmp_path: Path) -> None:
    """They stand in the order in which requests ended."""
    found = read_recording(write(tmp_path / "r", [row(2.0), row(1.0), row(3.0)]))
    assert [each.t_s for each in found.rows] == [1.0, 2.0, 3.0]
    assert (found.complete, found.shortfall(), found.seconds) == (True, "", 60.0)


def test_what_tickets_sent_again_is_no_arrival(tmp_path: Path) -> None:
    """Played again, it would be sent twice."""
    found = read_recording(write(tmp_path / "r", [row(1.0), row(2.0, drained=True)]))
    assert [each.t_s for each in found.arrivals] == [1.0]


def test_a_recording_that_was_cut_off_is_read_and_says_so(tmp_path: Path) -> None:
    """Also where its last line is half a line."""
    path = write(tmp_path / "r", [row(1.0), row(2.0)], cut=True)
    whole = path.read_bytes()
    for text in (whole, whole[:-30]):
        path.write_bytes(text)
        found = read_recording(path)
        assert not found.complete
        assert "cut off" in found.shortfall()
        assert found.seconds == found.rows[-1].t_s


def test_an_incomplete_recording_says_what_is_missing(tmp_path: Path) -> None:
    """In words, for whoever is about to believe it."""
    ended = end(1, complete=False, unfinished=2, dropped={"memory": 3}, processes_lost=1, processes_silent=1)
    found = read_recording(write(tmp_path / "r", [row(1.0)], ended))
    assert found.shortfall() == (
        "the recording is incomplete: 3 requests were dropped, 2 had not ended,"
        " the last lines of 2 processes are missing"
    )


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    """With its number; a bad last line is no excuse where there is an end."""
    path = write(tmp_path / "r", [row(1.0)])
    header, line, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + b"rubbish\n" + line + b'{"t_s": "x"}\n' + last)
    with pytest.raises(RecordingUnreadable, match=r"r:2: (?s:.*)r:4: "):
        read_recording(path)
    path.write_bytes(header + line + last + b"rubbish\n")
    with pytest.raises(RecordingUnreadable, match="r:4: "):
        read_recording(path)


@pytest.mark.parametrize("text", [b"", b"t,rate\n1,2\n", b'{"penstock_recording":"x"}\n'])
def test_what_is_no_recording_is_told_apart(tmp_path: Path, text: bytes) -> None:
    """Before anything is made of it."""
    (tmp_path / "r").write_bytes(text)
    with pytest.raises(RecordingUnreadable, match=":1:"):
        read_recording(tmp_path / "r")


def test_another_version_is_refused(tmp_path: Path) -> None:
    """Read as this one it might look right and mean something else."""
    path = write(tmp_path / "r", [row(1.0)])
    path.write_bytes(path.read_bytes().replace(b'"penstock_recording":1', b'"penstock_recording":2'))
    with pytest.raises(RecordingUnreadable, match="version 2; 1 can be read"):
        read_recording(path)


def test_a_compressed_recording_is_read_as_well(tmp_path: Path) -> None:
    """A night is large."""
    plain = write(tmp_path / "r", [row(1.0)])
    packed = tmp_path / "r.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert is_recording(packed)
    assert read_recording(packed).rows == read_recording(plain).rows


def test_a_file_that_is_not_there_is_no_recording(tmp_path: Path) -> None:
    """And reading it says so."""
    assert not is_recording(tmp_path / "none")
    with pytest.raises(RecordingUnreadable, match="No such file"):
        read_recording(tmp_path / "none")
