"""Compiles the hot path with mypyc where PENSTOCK_COMPILE=1 asks for it; all else stands in pyproject.toml.

The compiled modules are the same files as the plain ones, which remain the fallback: without the variable, or
without a C compiler, nothing is compiled. Build with `--no-build-isolation` where mypy is installed.
"""

import os

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
    "proxy/edge/connection.py",
    "proxy/edge/hold.py",
    "proxy/edge/identity.py",
    "proxy/edge/intake.py",
    "proxy/edge/message.py",
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
    "proxy/qos/gate.py",
    "proxy/qos/guard.py",
    "proxy/qos/health.py",
    "proxy/qos/hedge.py",
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
    "proxy/tiers/outcome.py",
    "proxy/timers.py",
]


def extensions() -> list[object]:
    """What is to be compiled: nothing unless asked for."""
    if os.environ.get("PENSTOCK_COMPILE") != "1":
        return []
    from Cython.Build import cythonize  # noqa: PLC0415
    from mypyc.build import mypycify  # noqa: PLC0415 - needed only here
    from setuptools import Extension  # noqa: PLC0415

    swift = Extension("proxy.heads._swift", ["proxy/heads/_swift.pyx"], extra_compile_args=["-O3"])
    modules: list[object] = mypycify(["--follow-imports=silent", *HOT_PATH], opt_level="3")
    return [*modules, *cythonize([swift], build_dir="build/cython")]  # what it makes is not source


setup(ext_modules=extensions())
