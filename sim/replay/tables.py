"""Tables of a page. Pure."""

from collections.abc import Sequence
from html import escape


def table(header: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] = ()) -> str:
    """A table; `classes` of its rows. Cells are escaped."""
    head = "".join(f"<th>{escape(each)}</th>" for each in header)
    lines = []
    for number, row in enumerate(rows):
        kind = f' class="{classes[number]}"' if classes else ""
        lines.append(f"<tr{kind}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
