"""What the other proxies are told: the same weights, timeouts and tiers as Penstock."""

import json
import re

import msgspec
import pytest

from sim.bench.peers import envoy, haproxy, nginx, relay
from sim.bench.peers.payload import FAILING_LABEL, LABELS
from sim.bench.peers.peer import Certificate, Site
from sim.bench.peers.upstream import Upstreams


@pytest.fixture
def site(tmp_path) -> Site:
    certificate = Certificate(chain=tmp_path / "chain.pem", key=tmp_path / "key.pem")
    certificate.chain.write_text("CHAIN\n")
    certificate.key.write_text("KEY\n")
    ports = Upstreams(a=21, b=22, c=23)
    return Site(port=11, tls_port=12, folder=tmp_path, upstreams=ports, certificate=certificate)


def test_nginx_has_the_weights_the_timeout_and_a_next_tier(site) -> None:
    """Its body is kept for the next tier, in memory."""
    config = (site.folder / nginx.command("nginx", site)[-1]).read_text()
    assert re.search(r"127.0.0.1:21 weight=10 .*127.0.0.1:22 weight=50", config)
    assert "proxy_read_timeout 100ms" in config
    assert re.search(r"error_page [\d ]*503[\d ]* = @tier1", config)
    assert re.search(r"upstream tier1 { server 127.0.0.1:23 ", config)
    assert "listen 127.0.0.1:12 ssl" in config


def test_haproxy_has_the_weights_the_timeout_and_a_retry(site) -> None:
    """Its certificate and key are to be in one file."""
    config = (site.folder / haproxy.command("haproxy", site)[-1]).read_text()
    assert "server a 127.0.0.1:21 weight 10" in config
    assert "server b 127.0.0.1:22 weight 50" in config
    assert "timeout server 100ms" in config
    assert "retry-on conn-failure empty-response response-timeout 503" in config
    assert (site.folder / "haproxy.pem").read_text() == "CHAIN\nKEY\n"


def test_haproxy_that_reads_labels_has_a_row_for_each(site) -> None:
    """A label that is not in its map would be answered 404."""
    haproxy.labelled_command("haproxy", site)
    rows = dict(line.split() for line in (site.folder / "labels.map").read_text().splitlines())
    assert rows == {**{str(label): "healthy" for label in LABELS}, str(FAILING_LABEL): "failing"}


def test_envoy_has_the_weights_in_priority_0_and_the_next_tier_in_priority_1(site) -> None:
    """And none of its circuit breakers' defaults, three retries at once among them, is the limit."""
    command = envoy.command("envoy", site)
    document = json.loads((site.folder / "envoy.json").read_text())
    (cluster,) = document["static_resources"]["clusters"]
    found = [
        [(e["endpoint"]["address"]["socket_address"]["port_value"], e["load_balancing_weight"]) for e in each]
        for each in (locality["lb_endpoints"] for locality in cluster["load_assignment"]["endpoints"])
    ]
    assert found == [[(21, 10), (22, 50)], [(23, 1)]]
    assert set(cluster["circuit_breakers"]["thresholds"][0].values()) == {envoy.LIMIT}
    assert command[command.index("--concurrency") + 1] == "1"
    assert len(document["static_resources"]["listeners"]) == 2


@pytest.mark.parametrize("command", [nginx.command, haproxy.command, envoy.command, relay.command])
def test_without_a_certificate_no_peer_is_told_of_tls(site, command) -> None:
    """Where there is no openssl the other cases are measured all the same."""

    def written(told: Site) -> str:
        command("program", told)
        kinds = (".conf", ".cfg", ".json")
        return "".join(path.read_text() for path in told.folder.iterdir() if path.suffix in kinds)

    assert ".pem" in written(site)
    assert ".pem" not in written(msgspec.structs.replace(site, certificate=None))
