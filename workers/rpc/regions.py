"""Shared memory over gRPC: the same regions as over HTTP, and none of CUDA."""

from collections.abc import Awaitable, Callable
from typing import Any

from oip import grpc_service_pb2 as pb
from workers.front.descriptions import region_of
from workers.front.regions import cuda_register, cuda_status
from workers.regions.region import Region
from workers.regions.regions import Regions


class RegionCalls:
    """Calls as the service has them. A method's argument is its request message."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions

    def by_name(self) -> dict[str, tuple[Callable[..., Awaitable[Any]], Any]]:
        """Each with its request's message."""
        return {
            "SystemSharedMemoryStatus": (self._status, pb.SystemSharedMemoryStatusRequest),
            "SystemSharedMemoryRegister": (self._register, pb.SystemSharedMemoryRegisterRequest),
            "SystemSharedMemoryUnregister": (self._unregister, pb.SystemSharedMemoryUnregisterRequest),
            "CudaSharedMemoryStatus": (_cuda_status, pb.CudaSharedMemoryStatusRequest),
            "CudaSharedMemoryRegister": (_cuda_register, pb.CudaSharedMemoryRegisterRequest),
            "CudaSharedMemoryUnregister": (_cuda_unregister, pb.CudaSharedMemoryUnregisterRequest),
        }

    async def _status(self, request: Any, context: Any) -> Any:
        del context
        told = pb.SystemSharedMemoryStatusResponse.RegionStatus
        regions = {each.name: told(**region_of(each)) for each in self._regions.status(request.name)}
        return pb.SystemSharedMemoryStatusResponse(regions=regions)

    async def _register(self, request: Any, context: Any) -> Any:
        del context
        region = Region(name=request.name, key=request.key, offset=request.offset, size=request.byte_size)
        await self._regions.register(region)
        return pb.SystemSharedMemoryRegisterResponse()

    async def _unregister(self, request: Any, context: Any) -> Any:
        del context
        await self._regions.unregister(request.name)
        return pb.SystemSharedMemoryUnregisterResponse()


async def _cuda_status(request: Any, context: Any) -> Any:
    del context
    cuda_status(request.name)
    return pb.CudaSharedMemoryStatusResponse()


async def _cuda_register(request: Any, context: Any) -> Any:
    del context
    cuda_register(request.name)


async def _cuda_unregister(request: Any, context: Any) -> Any:
    del request, context
    return pb.CudaSharedMemoryUnregisterResponse()
