"""How long, as commands are told."""

import math
from typing import Any, ClassVar

import click


class DurationType(click.ParamType["float"]):
    """Seconds: a number, or one with `s`, `m` or `h`."""

    name = "duration"
    _units: ClassVar = {"s": 1.0, "m": 60.0, "h": 3600.0}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        unit = self._units.get(text[-1:])
        try:
            seconds = float(text) if unit is None else float(text[:-1]) * unit
        except ValueError:
            seconds = math.nan
        if not 0 < seconds < math.inf:
            self.fail(f"{text!r} is not a time such as 90, 90s, 5m or 1h", param, ctx)
        return seconds


DURATION = DurationType()
