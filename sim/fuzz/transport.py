"""A transport without a network, which complains where a real one would break."""

import asyncio


class StandInTransport(asyncio.Transport):
    """Keeps what is written. Reading may be paused: whoever feeds a protocol looks at `reading`."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.aborted = False
        self.ended = False
        self.reading = True

    @property
    def open(self) -> bool:
        """Whether the protocol still takes bytes."""
        return not self.aborted

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "written after the end"
        if not self.aborted:
            self.written += data

    def writelines(self, list_of_data: "list[bytes]") -> None:  # type: ignore[override]
        for data in list_of_data:
            self.write(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True
