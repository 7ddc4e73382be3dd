"""A full disk under the queue: 503 and never a ticket, nothing lost, and on again once there is space."""

import resource
from pathlib import Path

from tests.integration.callers import calling, infer, labelled
from tests.integration.proxies import ProxyProcess

FOUNDING = Path(__file__).parents[2] / "routing_tables" / "founding.yaml"
SPACE_BYTES = 1_000_000
PAYLOAD = "x" * 50_000


async def test_without_space_there_is_503_and_with_space_there_are_tickets_again(tmp_path: Path) -> None:
    """The limit on the size of files stands in for the disk: writes beyond it fail as on a full one."""
    queue = f"sqlite:///{tmp_path}/queue.db"
    promised: list[str] = []
    async with ProxyProcess(FOUNDING, queue, tmp_path / "log") as proxy:
        _, hard = resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE, (SPACE_BYTES, hard))
        async with calling(proxy.port) as caller:
            request = infer(labelled(7, payload=PAYLOAD), "Prefer: respond-async")
            statuses = []
            for _ in range(60):
                response = await caller.ask(request)
                statuses.append(response.status)
                if response.status == 202:
                    promised.append(response.headers["location"])
                else:
                    assert response.status == 503
                    assert int(response.headers["retry-after"]) >= 1
                    assert "offline queue" in response.json["error"] or "ticket" in response.json["error"]
            assert set(statuses) == {202, 503}, statuses
            assert statuses[-1] == 503

            resource.prlimit(proxy.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
            again = await caller.ask(request)
            assert again.status == 202, again
            for location in [*promised, again.headers["location"]]:
                found = await caller.ask(f"GET {location} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert found.status == 202, found
        assert await proxy.metric('penstock_tickets_total{result="broken"}') == statuses.count(503)
