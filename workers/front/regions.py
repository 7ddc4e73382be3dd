"""What the front answers about shared memory over HTTP. There never is a region of CUDA memory."""

from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn

import msgspec

from workers.errors import BadInput
from workers.front.descriptions import region_of
from workers.front.reply import Reply, answer
from workers.front.routes import Route
from workers.regions.errors import BadRegion, NoRegion
from workers.regions.region import Region
from workers.regions.regions import Regions

_Bytes = Annotated[int, msgspec.Meta(ge=0)]


class _Register(msgspec.Struct):
    key: str
    byte_size: _Bytes
    offset: _Bytes = 0


_decode = msgspec.json.Decoder(_Register).decode


class RegionAnswers:
    """Answers as the service has them: each is given its route and the body."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions

    def by_route(self) -> dict[str, Callable[[Route, bytes], Reply | Awaitable[Reply]]]:
        """Under the names of `routes.py`."""
        return {
            "system_status": self._status,
            "system_register": self._register,
            "system_unregister": self._unregister,
            "cuda_status": _cuda_status,
            "cuda_register": _cuda_register,
            "cuda_unregister": _cuda_unregister,
        }

    def _status(self, route: Route, body: bytes) -> Reply:
        del body
        return answer([region_of(region) for region in self._regions.status(route.region)])

    async def _register(self, route: Route, body: bytes) -> Reply:
        try:
            asked = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"the request is not valid: {error}") from error
        region = Region(name=route.region, key=asked.key, offset=asked.offset, size=asked.byte_size)
        await self._regions.register(region)
        return Reply()

    async def _unregister(self, route: Route, body: bytes) -> Reply:
        del body
        await self._regions.unregister(route.region)
        return Reply()


def cuda_status(name: str) -> None:
    """Raise NoRegion for a name: there is none."""
    if name:
        raise NoRegion(f"Unable to find cuda shared memory region: '{name}'")


def cuda_register(name: str) -> NoReturn:
    """Raise BadRegion."""
    raise BadRegion(
        f"failed to register CUDA shared memory region: '{name}', CUDA shared memory is not offered"
    )


def _cuda_status(route: Route, body: bytes) -> Reply:
    del body
    cuda_status(route.region)
    return answer([])


def _cuda_register(route: Route, body: bytes) -> Reply:
    del body
    cuda_register(route.region)


def _cuda_unregister(route: Route, body: bytes) -> Reply:
    del route, body
    return Reply()
