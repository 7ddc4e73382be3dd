"""Tables of a page. Pure."""

from collections.abc import Sequence
from html import escape


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str] = (), kind: str = ""
) -> str:
    """A table; `classes` of its rows, `kind` of its own. Cells are escaped."""
    head = "".join(f"<th>{escape(each)}</th>" for each in header)
    lines = []
    for number, row in enumerate(rows):
        row_kind = f' class="{classes[number]}"' if classes else ""
        lines.append(f"<tr{row_kind}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>")
    own = f' class="{kind}"' if kind else ""
    return f"<table{own}><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
