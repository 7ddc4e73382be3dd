"""Reads a behaviour from the command line: a word with settings, or JSON."""

import msgspec

from sim.stubs.behaviours import AnyBehaviour

_NESTED = frozenset(("then", "behaviour", "otherwise", "full"))


def read_behaviour(phrase: str) -> AnyBehaviour:
    """`ok`, `status,code=503,retry_after_s=2`, `sometimes,fraction=0.1,behaviour=reset`, or a JSON object.

    In the JSON form `do` names the behaviour. Raises ValueError, saying what is wrong.
    """
    if phrase.lstrip().startswith("{"):
        decoded: AnyBehaviour = msgspec.json.decode(phrase, type=AnyBehaviour)
        return decoded
    word, *settings = phrase.split(",")
    values: dict[str, object] = {"do": word}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"'{setting}' is not of the form setting=value")
        values[key] = {"do": value} if key in _NESTED else value
    converted: AnyBehaviour = msgspec.convert(values, AnyBehaviour, strict=False)
    return converted
