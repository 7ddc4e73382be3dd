"""The payload that labelers read. Nothing is decoded that no labeler asks for, and nothing twice.

Never changes the request: what labelers see is a view, what is forwarded is the bytes that came. Every
way in which content can be malformed is a `PayloadError`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from labelers.content import Content
from labelers.errors import BodyUnread, PayloadError
from labelers.fields import Headers, block_of, headers_of
from labelers.tensors import Tensor, read_tensors

_decode = msgspec.json.decode


class Payload:
    """One request, read-only and shared by its labelers.

    `model` and `version` are those of the path ('' = not named), `id` the request's id, `body` the raw
    bytes as they came (given as None: not to be asked for), `block` the header fields undecoded, in place of
    `headers`; `coded` is False where no field says that the body is other than plain JSON. Treat what `json`
    and `tensors` give as read-only: the next labeler sees it too.
    """

    __slots__ = (
        "_block",
        "_body",
        "_coded",
        "_content",
        "_headers",
        "_json",
        "_problem",
        "_tensors",
        "id",
        "model",
        "version",
    )

    def __init__(
        self,
        *,
        model: str = "",
        version: str = "",
        headers: Headers = (),
        block: bytes = b"",
        coded: bool = True,
        body: bytes | None = b"",
        id: str = "",  # noqa: A002
    ) -> None:
        self.model = model
        self.version = version
        self.id = id
        self._body = body
        self._block = block_of(headers) if headers else block
        self._coded = coded
        self._headers: RequestHeaders | None = None
        self._content: Content | None = None
        self._json: dict[str, Any] | None = None
        self._tensors: dict[str, Tensor] | None = None
        self._problem = ""  # why `json` cannot be had: found once, said to every labeler

    @property
    def body(self) -> bytes:
        """The raw bytes as they came. Raises `BodyUnread` for labelers that said they need none."""
        body = self._body
        if body is None:
            raise BodyUnread("it says that it reads the head alone, and asked for the body")
        return body

    @property
    def headers(self) -> "RequestHeaders":
        """Header fields by name, in any case; a repeated field's values are joined with ', '."""
        headers = self._headers
        if headers is None:
            headers = self._headers = RequestHeaders(headers_of(self._block))
        return headers

    @property
    def json(self) -> dict[str, Any]:
        """The body's JSON object (of an inference request, without its binary section).

        Empty for a raw input (`Inference-Header-Content-Length: 0`). Raises `PayloadError` where the
        body is not a JSON object.
        """
        document = self._json
        if document is None:
            document = self._json = self._decode()
        return document

    @property
    def decoded(self) -> bool:
        """Whether `json` has been asked for."""
        return self._json is not None or bool(self._problem)

    @property
    def json_part(self) -> bytes:
        """The bytes that `json` is decoded from. Raises `PayloadError`."""
        return self._opened().json_part() if self._coded else self.body

    @property
    def problem(self) -> str:
        """Why `json` cannot be had, for people; '' where it can, or where no labeler has asked."""
        return self._problem

    @property
    def binary(self) -> memoryview:
        """The bytes after the JSON part: tensors in listed order, or one raw input. Raises `PayloadError`."""
        return self._opened().binary_part()

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The request's inputs by name, in listed order. Raises `PayloadError` where they make no sense.

        A raw input has no name: it is not here but in `binary`.
        """
        tensors = self._tensors
        if tensors is None:
            tensors = self._tensors = read_tensors(self.json, self.binary)
        return tensors

    def _opened(self) -> Content:
        content = self._content
        if content is None:
            content = self._content = Content(self._block, self.body)
        return content

    def _decode(self) -> dict[str, Any]:
        if self._problem:
            raise PayloadError(self._problem)
        try:
            content = self._opened()
            if content.json_bytes == 0:
                return {}
            document = _decode(content.json_part())
        except PayloadError as error:
            self._problem = str(error)
            raise
        except (ValueError, RecursionError) as error:
            self._problem = f"the body is not JSON: {_without_content(error)}"
            raise PayloadError(self._problem) from error
        if type(document) is not dict:
            self._problem = "the body is JSON, but not an object"
            raise PayloadError(self._problem)
        return document


class RequestHeaders(Mapping[str, str]):
    """Header fields by name, in any case. Bytes are read as Latin-1, as HTTP has it."""

    __slots__ = ("_values",)

    def __init__(self, fields: Headers) -> None:
        self._values: dict[str, str] = {}
        for raw_name, raw_value in fields:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            known = self._values.get(name)
            self._values[name] = value if known is None else f"{known}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _without_content(error: Exception) -> str:
    """What is wrong, without the caller's data: a decoder's words for UTF-8 errors quote some of it."""
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
