"""How many rows the device's memory is trusted with: halved when it ran out, raised slowly."""

RAISE_AFTER = 64  # full batches in a row that fitted
RAISE_PART = 8  # then the cap grows by this part of itself


class Cap:
    """A number of rows between 1 and `rows_max`."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self.rows = rows_max
        self._fitted = 0

    def ran_out(self, rows: int) -> None:
        """A batch of so many rows did not fit."""
        self.rows = max(1, min(self.rows, rows // 2))
        self._fitted = 0

    def fitted(self, rows: int) -> None:
        """A batch of so many rows fitted; only those at the cap say anything."""
        if rows < self.rows or self.rows == self._rows_max:
            return
        self._fitted += 1
        if self._fitted >= RAISE_AFTER:
            self.rows = min(self._rows_max, self.rows + max(1, self.rows // RAISE_PART))
            self._fitted = 0
