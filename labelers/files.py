"""A user's labeler file, read afresh each time it is asked for.

Never goes through the import system: its cache knows a file by its second and size, and would give an
edited file's old code. The module is known to `sys.modules` only while it is executed.
"""

import sys
import traceback
from pathlib import Path
from types import ModuleType

from labelers.errors import BadLabeler

FILE_BYTES_MAX = 4 * 1024 * 1024


def load_file(path: Path) -> ModuleType:
    """Execute the file as a module of its own. Raises `BadLabeler`, with the line where it can be told."""
    source = _read(path)
    module = ModuleType(path.stem)
    module.__name__ = f"penstock_labeler_{id(module):x}_{path.stem}"  # no other module's as long as it lives
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and type hints look themselves up there
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - the table names this code
    except SyntaxError as error:
        raise BadLabeler(f"it cannot be loaded: {error.msg} (line {error.lineno})") from error
    except (Exception, SystemExit) as error:
        raise BadLabeler(
            f"it cannot be loaded: {type(error).__name__}: {error}{_line_of(error, path)}"
        ) from error
    finally:
        del sys.modules[module.__name__]
    return module


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BadLabeler(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        return path.read_bytes()
    except OSError as error:
        raise BadLabeler(f"{path}: {error.strerror}") from error


def _line_of(error: BaseException, path: Path) -> str:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""
