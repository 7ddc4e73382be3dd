"""JSON Schemas (draft 2020-12) of tables and of expectations, for editors; from the parser's definitions.

They say what a schema can say. What it cannot (names that refer to each other, repeated rows, what stands
behind `${NAME}`) only the parser knows. `python -m proxy.routing.schema table` prints the table's.
"""

import json
import sys

from proxy.routing.definition import TABLE
from proxy.routing.expectations import EXPECTATIONS
from proxy.routing.section import ListOf, Section

_OF: dict[str, tuple[str, Section | ListOf]] = {
    "table": ("Penstock routing table", TABLE),
    "expectations": ("Penstock routing expectations", EXPECTATIONS),
}


def render(name: str) -> str:
    """The text of `routing_tables/{name}.schema.json`. KeyError for other names."""
    title, definition = _OF[name]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps({**head, **definition.schema()}, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render(*(sys.argv[1:] or ["table"])))
