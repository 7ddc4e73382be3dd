"""Compiles the hot path with mypyc and Cython; all else stands in pyproject.toml.

A wheel (`pip install .`) is compiled where there is a C compiler with Python's headers; an editable install
never is: the plain files stay as they are. PENSTOCK_COMPILE=0 says no; PENSTOCK_COMPILE=1 insists.
The compiled modules are the same files as the plain ones, which lie beside them and are the fallback.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import setup

HOT_PATH = [
    "labelers/api.py",
    "labelers/bounded.py",
    "labelers/content.py",
    "labelers/fields.py",
    "labelers/json_place.py",
    "labelers/places.py",
    "labelers/values.py",
    "proxy/batch.py",
    "proxy/clusters/codec.py",
    "proxy/clusters/connection.py",
    "proxy/clusters/http.py",
    "proxy/clusters/pool.py",
    "proxy/edge/ahead.py",
    "proxy/edge/caller.py",
    "proxy/edge/connection.py",
    "proxy/edge/hold.py",
    "proxy/edge/identity.py",
    "proxy/edge/intake.py",
    "proxy/edge/message.py",
    "proxy/edge/parser.py",
    "proxy/edge/reply.py",
    "proxy/edge/service.py",
    "proxy/hop.py",
    "proxy/labeling.py",
    "proxy/observe/meters.py",
    "proxy/pieces.py",
    "proxy/pipeline.py",
    "proxy/qos/adaptive.py",
    "proxy/qos/breaker.py",
    "proxy/qos/budget.py",
    "proxy/qos/endpoint.py",
    "proxy/qos/gate.py",
    "proxy/qos/guard.py",
    "proxy/qos/health.py",
    "proxy/qos/hedge.py",
    "proxy/qos/line.py",
    "proxy/qos/peak.py",
    "proxy/qos/permits.py",
    "proxy/qos/ramp.py",
    "proxy/qos/service.py",
    "proxy/reply.py",
    "proxy/request.py",
    "proxy/routing/choose.py",
    "proxy/routing/rows.py",
    "proxy/routing/table.py",
    "proxy/snapshot.py",
    "proxy/tiers/chain.py",
    "proxy/tiers/deadline.py",
    "proxy/tiers/ground.py",
    "proxy/tiers/outcome.py",
    "proxy/tiers/race.py",
    "proxy/tiers/reserve.py",
    "proxy/tiers/trial.py",
    "proxy/tiers/waiting.py",
    "proxy/tiers/zombie.py",
    "proxy/timers.py",
]


def wanted() -> bool:
    """Whether to compile: as PENSTOCK_COMPILE says, else for a wheel where a compiler is at hand."""
    asked = os.environ.get("PENSTOCK_COMPILE", "")
    if asked in ("0", "1"):
        return asked == "1"
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include"), "Python.h")
    found = shutil.which(compiler) is not None and headers.exists()
    return "bdist_wheel" in sys.argv and sys.platform == "linux" and found


def extensions() -> list[object]:
    """What is to be compiled."""
    if not wanted():
        return []
    from Cython.Build import cythonize  # noqa: PLC0415
    from mypyc.build import mypycify  # noqa: PLC0415 - needed only here
    from setuptools import Extension  # noqa: PLC0415

    swift = Extension("proxy.heads._swift", ["proxy/heads/_swift.pyx"], extra_compile_args=["-O3"])
    modules: list[object] = mypycify(["--follow-imports=silent", *HOT_PATH], opt_level="3")
    return [*modules, *cythonize([swift], build_dir="build/cython")]  # what it makes is not source


setup(ext_modules=extensions())
