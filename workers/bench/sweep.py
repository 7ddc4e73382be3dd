"""Keeps a loaded model busy with its own sample, batch size after batch size, and takes the times."""

import threading
from collections.abc import Callable, Iterator, Sequence

from workers.bench.figures import Level
from workers.entry import Entry
from workers.model import Model, sample_request
from workers.oip.tensors import InferRequest

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
BATCHES_MIN = 3  # of each size and place, however slow

Clock = Callable[[], float]


def sizes_of(entry: Entry) -> tuple[int, ...]:
    """The batch sizes to try: up to what the deployment allows, its preferred ones among them."""
    batching = entry.batching
    known = {size for size in SIZES if size < batching.max_batch_size}
    return tuple(sorted(known | set(batching.preferred_batch_sizes) | {batching.max_batch_size}))


def sweep(model: Model, places: int, seconds: float, clock: Clock) -> Iterator[Level]:
    """A level for each batch size. Raises what the model raises."""
    for size in sizes_of(model.entry):
        yield _level(model, size, places, seconds, clock)


def _level(model: Model, size: int, places: int, seconds: float, clock: Clock) -> Level:
    requests = [sample_request(model.entry)] * size
    _run(model, requests)
    took_s: list[float] = []
    failed: list[Exception] = []
    began_s = clock()

    def work() -> None:
        count = 0
        while count < BATCHES_MIN or clock() < began_s + seconds:
            at_s = clock()
            try:
                _run(model, requests)
            except Exception as error:  # noqa: BLE001 - raised again where it was asked for
                failed.append(error)
                return
            took_s.append(clock() - at_s)
            count += 1

    threads = [threading.Thread(target=work) for _ in range(places)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    elapsed_s = max(clock() - began_s, 1e-9)
    took_s.sort()
    return Level(
        batch=size,
        places=places,
        per_s=size * len(took_s) / elapsed_s,
        p50_ms=1000 * took_s[len(took_s) // 2],
        p99_ms=1000 * took_s[min(len(took_s) - 1, int(0.99 * len(took_s)))],
    )


def _run(model: Model, requests: Sequence[InferRequest]) -> None:
    for result in model.infer_many(requests):
        if isinstance(result, Exception):
            raise result
