"""Stubs as a process of their own, and how a behaviour is written on the command line."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import msgspec
import pytest

from sim.stubs.behaviours import (
    AnyBehaviour,
    Exponential,
    Latency,
    Never,
    Ok,
    Reset,
    Sequence,
    SilentClose,
    Sometimes,
    Status,
)
from sim.stubs.phrase import read_behaviour


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("ok", Ok()),
        ("silent-close", SilentClose()),
        ("status,code=503,retry_after_s=2", Status(code=503, retry_after_s=2.0)),
        ("latency,delay=0.05", Latency(delay=0.05)),
        ("sometimes,fraction=0.1,behaviour=reset", Sometimes(fraction=0.1, behaviour=Reset())),
        ("latency,delay=1,then=never", Latency(delay=1.0, then=Never())),
        (
            '{"do": "sequence", "behaviours": [{"do": "reset"}, {"do": "ok"}]}',
            Sequence(behaviours=(Reset(), Ok())),
        ),
        (
            '{"do": "latency", "delay": {"draw": "exponential", "mean_s": 0.02}}',
            Latency(delay=Exponential(mean_s=0.02)),
        ),
    ],
)
def test_a_behaviour_is_a_word_with_settings_or_json(phrase, expected) -> None:
    """The short form for a shell, the long one for whatever the short one cannot say."""
    assert read_behaviour(phrase) == expected


@pytest.mark.parametrize(
    "phrase",
    ["", "okay", "status", "status,code", "status,code=many", "ok,colour=red", "{", '{"do": "ok", "x": 1}'],
)
def test_a_slip_is_an_error_and_never_another_behaviour(phrase) -> None:
    """A mistyped setting that is quietly left out makes a fault test test nothing."""
    with pytest.raises(ValueError, match=r"."):
        read_behaviour(phrase)


@pytest.mark.parametrize(
    "behaviour", [Ok(), Sometimes(fraction=0.5, behaviour=Latency(delay=2.0, then=Reset()))]
)
def test_a_behaviour_survives_its_own_json(behaviour) -> None:
    """Plans of load and fault are files."""
    assert msgspec.json.decode(msgspec.json.encode(behaviour), type=AnyBehaviour) == behaviour


def test_the_command_serves_where_it_says_and_ends_on_sigterm() -> None:
    """Scripts wait for the ready line, use the addresses in it, and expect exit 0."""
    command = [sys.executable, "-m", "sim.stubs", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    with subprocess.Popen(
        [*command, "--name", "beta"], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        line = process.stdout.readline().split()
        names = []
        for url in line[2:]:
            with urllib.request.urlopen(f"{url}/v2") as answer:
                names.append(json.load(answer)["name"])
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert line[:2] == ["stub", "ready"]
    assert names == ["beta", "beta"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--listen", "nowhere"], 2, "'nowhere' is not HOST:PORT"),
        (["--listen", "127.0.0.1:0", "--behaviour", "status"], 2, "code"),
        (["--listen", "192.0.2.1:0"], 1, "stub: "),
    ],
)
def test_a_wrong_argument_is_told_and_ends_the_command(arguments, code, message) -> None:
    """2 for what was asked wrongly, 1 for what could not be had (192.0.2.0/24 is nobody's)."""
    ended = subprocess.run(
        [sys.executable, "-m", "sim.stubs", *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == code
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
