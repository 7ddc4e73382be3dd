"""A request on its way, and where a call goes. Hot: plain classes, which mypyc turns into C structs."""

from typing import Final, final

from labelers.fields import Headers, block_of, headers_of
from proxy.trace import Trace
from proxy.verdicts import Fallback


@final
class Request:
    """One inference request as it arrived; whole, so that it can be replayed for every tier."""

    __slots__ = (
        *(
            "arrived_s",
            "block",
            "body",
            "caller",
            "coded",
            "deadline_s",
            "drained",
            "fallback",
            "id",
            "idempotency_key",
        ),
        *("method", "model", "target", "trace", "version"),
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - X-Request-Id, made if absent
        method: bytes,
        target: bytes,  # path and query as received
        model: str = "",  # from the path; empty where the path names none
        version: str = "",
        headers: Headers = (),
        block: bytes = b"",  # the header fields undecoded, in place of `headers`
        coded: bool = True,  # False: no field says that the body is other than plain JSON
        body: bytes = b"",
        arrived_s: float = 0.0,  # monotonic
        deadline_s: float | None = None,  # the caller's whole budget, seconds from arrival
        fallback: Fallback = Fallback.QUEUE,
        idempotency_key: str = "",
        drained: bool = False,  # comes from the offline queue: the least critical class
        caller: str = "",  # who shares permits fairly with others: the address it calls from
        trace: Trace | None = None,  # where it is traced from the start
    ) -> None:
        self.id: Final = id
        self.method: Final = method
        self.target: Final = target
        self.model: Final = model
        self.version: Final = version
        self.block: Final = block_of(headers) if headers else block
        self.coded: Final = coded
        self.body: Final = body
        self.arrived_s: Final = arrived_s
        self.deadline_s: Final = deadline_s
        self.fallback: Final = fallback
        self.idempotency_key: Final = idempotency_key
        self.drained: Final = drained
        self.caller: Final = caller
        self.trace: Final = trace

    @property
    def headers(self) -> Headers:
        """The end-to-end header fields, decoded."""
        return headers_of(self.block)

    def traced(self, trace: Trace, block: bytes) -> "Request":
        """The same in a trace, with header fields that say so."""
        return Request(
            id=self.id,
            method=self.method,
            target=self.target,
            model=self.model,
            version=self.version,
            block=block,
            coded=self.coded,
            body=self.body,
            arrived_s=self.arrived_s,
            deadline_s=self.deadline_s,
            fallback=self.fallback,
            idempotency_key=self.idempotency_key,
            drained=self.drained,
            caller=self.caller,
            trace=trace,
        )


@final
class Target:
    """Where a call goes: one endpoint of an application, and what the server there wants. Never changed."""

    __slots__ = ("block", "model", "names", "url")

    def __init__(self, *, url: str, model: str = "", headers: Headers = ()) -> None:
        self.url: Final = url  # base URL without a trailing slash
        self.model: Final = model  # the model's name there; empty = as the caller named it
        self.block: Final = block_of(headers)  # added to each call
        self.names: Final = frozenset(name.lower() for name, _ in headers)

    @property
    def headers(self) -> Headers:
        """The added header fields, decoded."""
        return headers_of(self.block)
