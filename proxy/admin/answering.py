"""The form of the admin side's answers."""

from typing import Any

import msgspec
from aiohttp import web


def json_of(value: Any, status: int = 200) -> web.Response:
    """A value as JSON."""
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json"})
