"""The plans that come with the harness, by name."""

from importlib.resources import files
from pathlib import Path

SUFFIX = ".yaml"


def profile(plan: Path) -> Path:
    """The file of that name; where there is none, the profile's, if one is called so."""
    found = folder() / f"{plan}{SUFFIX}"
    return found if not plan.exists() and len(plan.parts) == 1 and found.exists() else plan


def names() -> list[str]:
    """Of all profiles."""
    return sorted(each.stem for each in folder().glob(f"*{SUFFIX}"))


def folder() -> Path:
    """Where they are."""
    return Path(str(files("sim.profiles")))
