"""One request before all others: does the endpoint answer it, and what does it say if not."""

import http.client

from sim.calibrate.errors import EndpointUnfit
from sim.load.target import Target

PROBE_S_MAX = 30.0
SAID_CHARS_MAX = 300


def probe(target: Target, address: tuple[str, int], body: bytes, headers: dict[str, str]) -> None:
    """Raises EndpointUnfit where the answer is not 200."""
    connection = http.client.HTTPConnection(*address, timeout=PROBE_S_MAX)
    fields = {"Host": target.authority, "Content-Type": "application/json", **headers}
    try:
        connection.request("POST", target.path, body, fields)
        answer = connection.getresponse()
        said = answer.read(SAID_CHARS_MAX).decode("utf-8", errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        said = f"{error}" or type(error).__name__
        raise EndpointUnfit(f"no answer at {target.authority}{target.path} ({said})") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise EndpointUnfit(f"{target.path} is answered {answer.status}, not 200: {said}")
