"""The plans that come with the harness, by name."""

from importlib.resources import files
from pathlib import Path

from sim.replay.errors import ReplayRefused

SUFFIX = ".yaml"


def profile(plan: Path) -> Path:
    """The file of that name; where there is none, the profile's.

    Raises ReplayRefused where a bare word is neither.
    """
    if plan.exists() or len(plan.parts) != 1:
        return plan
    found = folder() / f"{plan}{SUFFIX}"
    if not found.exists() and not plan.suffix:
        raise ReplayRefused(f"there is no file and no profile '{plan}'; profiles: {', '.join(names())}")
    return found if found.exists() else plan


def names() -> list[str]:
    """Of all profiles."""
    return sorted(each.stem for each in folder().glob(f"*{SUFFIX}"))


def folder() -> Path:
    """Where they are."""
    return Path(str(files("sim.profiles")))
