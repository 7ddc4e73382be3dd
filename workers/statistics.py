"""What is known of a model's work, under the names of Triton's statistics extension."""

import msgspec


class Duration(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and how long in all."""

    count: int = 0
    ns: int = 0


class ModelStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Of one model, over all processes, since it was loaded."""

    inference_count: int = 0
    execution_count: int = 0  # batches
    last_inference_ms: int = 0  # since 1970
    success: Duration = Duration()
    fail: Duration = Duration()
    queue: Duration = Duration()
    compute_input: Duration = Duration()
    compute_infer: Duration = Duration()
    compute_output: Duration = Duration()
    batches: dict[int, tuple[Duration, Duration, Duration]] = {}  # by size: input, infer, output
    shared: dict[str, int] = {}  # pictures, and fetches and decodes done and saved
