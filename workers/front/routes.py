"""From a path to what it names. Pure."""

import re
from typing import Final
from urllib.parse import unquote

import msgspec

from workers.front.reply import Reply, refusal

GET, POST = "GET", "POST"
TARGETS_HELD_MAX = 1_024

_MODEL: Final = re.compile(
    r"/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/(?P<what>infer|ready|config|stats))?"
)
_CONTROL: Final = re.compile(r"/v2/repository/models/(?P<model>[^/]+)/(?P<what>load|unload)")
_MEMORY: Final = re.compile(
    r"/v2/(?P<kind>system|cuda)sharedmemory(?:/region/(?P<region>[^/]+))?/(?P<what>status|register|unregister)"
)
_FIXED: Final = {
    "/v2": (GET, "server"),
    "/v2/": (GET, "server"),
    "/v2/health/live": (GET, "live"),
    "/v2/health/ready": (GET, "all_ready"),
    "/v2/models/stats": (GET, "all_stats"),
    "/v2/repository/index": (POST, "index"),
}


class Route(msgspec.Struct, frozen=True):
    """What a path names: one of the service's answers, for a model perhaps."""

    method: str
    what: str
    model: str = ""
    version: str = ""
    region: str = ""


class Routes:
    """Reads paths; remembers those that it has read."""

    def __init__(self) -> None:
        self._known: dict[bytes, Route] = {}

    def find(self, target: bytes, method: bytes) -> Route | Reply:
        """The route, or why there is none."""
        route = self._known.get(target)
        if route is None:
            path = unquote(target.partition(b"?")[0].decode("latin-1"))
            found = _read(path)
            if found is None:
                return refusal(404, f"nothing at {path[:200]!r}; models are at /v2/models/NAME/infer")
            if len(self._known) >= TARGETS_HELD_MAX:
                self._known.clear()
            route = self._known[target] = found
        if method != route.method.encode() and not (method == b"HEAD" and route.method == GET):
            allowed = "GET, HEAD" if route.method == GET else route.method
            words = f"{method.decode('latin-1')} is not for this path; {allowed} is"
            return refusal(405, words, f"Allow: {allowed}\r\n".encode())
        return route


def _read(path: str) -> Route | None:
    if path in _FIXED:
        return Route(*_FIXED[path])
    match = _MODEL.fullmatch(path)
    if match is not None:
        what = match["what"] or "model"
        return Route(POST if what == "infer" else GET, what, match["model"], match["version"] or "")
    match = _CONTROL.fullmatch(path)
    if match is not None:
        return Route(POST, match["what"], match["model"])
    match = _MEMORY.fullmatch(path)
    if match is None or (match["what"] == "register" and not match["region"]):
        return None
    method = GET if match["what"] == "status" else POST
    return Route(method, f"{match['kind']}_{match['what']}", region=match["region"] or "")
