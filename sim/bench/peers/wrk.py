"""wrk, the closed-loop generator: as many requests as the connections allow. Its script sends our bytes."""

import shutil
import subprocess
from pathlib import Path

import msgspec

SCRIPT = """-- The requests of a file, in turn; ARGS: the file, the bytes of each request in it.
local requests = {}
local turn = 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local all = file:read("*a")
  file:close()
  local size = tonumber(arguments[2])
  for first = 1, #all, size do
    requests[#requests + 1] = all:sub(first, first + size - 1)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\\n{"requests":%d,"duration_us":%d,"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,' ..
    '"p50_us":%.1f,"p99_us":%.1f,"p999_us":%.1f}\\n',
    summary.requests, summary.duration, errors.status, errors.connect, errors.read, errors.write,
    errors.timeout, latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"""

OVERTIME_S_MAX = 15.0
"""How much longer than its duration wrk may take before it is ended."""


class WrkFailed(Exception):
    """wrk ended without figures."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What wrk counted. `requests` are answers of any status."""

    requests: int
    duration_us: int
    status: int  # answers that were not 2xx or 3xx
    connect: int
    read: int
    write: int
    timeout: int
    p50_us: float
    p99_us: float
    p999_us: float

    @property
    def good(self) -> int:
        """Answers with 2xx (no upstream here sends 3xx)."""
        return self.requests - self.status

    @property
    def errors(self) -> int:
        """Everything that went wrong."""
        return self.status + self.connect + self.read + self.write + self.timeout

    @property
    def trouble(self) -> str:
        """The errors in words; empty where there was none."""
        named = {
            "not 2xx": self.status,
            "not connected": self.connect,
            "broken while reading": self.read,
            "broken while writing": self.write,
            "without an answer in time": self.timeout,
        }
        return ", ".join(f"{count:,} {name}" for name, count in named.items() if count)


def find_wrk() -> str | None:
    """The program."""
    return shutil.which("wrk")


def run_wrk(url: str, requests: list[bytes], *, connections: int, seconds: int, folder: Path) -> Told:
    """Send the requests in turn over so many connections for so long. Raises WrkFailed."""
    (size,) = {len(request) for request in requests}
    script, file = folder / "requests.lua", folder / "requests.bin"
    script.write_text(SCRIPT)
    file.write_bytes(b"".join(requests))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "2s", "-s", str(script)]
    try:
        ended = subprocess.run(
            [*command, url, "--", str(file), str(size)],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + OVERTIME_S_MAX,
        )
    except subprocess.TimeoutExpired as error:
        raise WrkFailed(f"wrk was still running after {error.timeout:.0f} s") from error
    return read_told(ended.stdout, ended.stderr)


def read_told(output: str, complaints: str = "") -> Told:
    """The script's line in wrk's output. Raises WrkFailed."""
    for line in output.splitlines():
        if line.startswith("{"):
            return msgspec.json.decode(line, type=Told)
    raise WrkFailed(f"wrk gave no figures: {(output + complaints).strip()[-500:]}")
