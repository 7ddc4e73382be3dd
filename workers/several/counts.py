"""What one set has done, and what it spared by sharing."""

import time

from workers.statistics import Duration, ModelStatistics


class Counts:
    """Of one set since the server started."""

    def __init__(self) -> None:
        self._last_ms = self._success = self._success_ns = self._fail = self._fail_ns = 0
        self._shared = dict.fromkeys(("pictures", "fetches", "fetches_saved", "decodes", "decodes_saved"), 0)

    def share(self, pictures: int, models: int, sharing: int, *, fetched: bool, decoded: int) -> None:
        """A request's pictures went to `models` models; so many were decoded here, for `sharing` of them."""
        self._shared["pictures"] += pictures
        saved = decoded * (sharing - 1)
        self._shared["decodes"] += pictures * models - saved
        self._shared["decodes_saved"] += saved
        if fetched:
            self._shared["fetches"] += pictures
            self._shared["fetches_saved"] += pictures * (models - 1)

    def succeeded(self, ns: int) -> None:
        """All models answered."""
        self._success += 1
        self._success_ns += ns
        self._last_ms = int(time.time() * 1000)

    def failed(self, ns: int) -> None:
        """One did not, or the caller left."""
        self._fail += 1
        self._fail_ns += ns

    def statistics(self) -> ModelStatistics:
        """As the protocol has them, and `shared`."""
        done = Duration(count=self._success, ns=self._success_ns)
        return ModelStatistics(
            inference_count=self._success,
            execution_count=self._success,
            last_inference_ms=self._last_ms,
            success=done,
            fail=Duration(count=self._fail, ns=self._fail_ns),
            compute_infer=done,
            shared=dict(self._shared),
        )
