"""The requests that all generators send."""

import json

import numpy as np
import pytest

from labelers import Payload
from sim.bench.peers.payload import (
    FAILING_LABEL,
    LABELS,
    SMALL_BYTES,
    failing_requests,
    small_requests,
    tensor_requests,
)


def parted(request: bytes) -> tuple[dict[bytes, bytes], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
    return {name: value for name, _, value in lines}, body


def test_small_requests_carry_each_label_in_a_body_of_exactly_the_stated_size() -> None:
    """The case is named after its size, and one that is labelled wrongly would be answered 404."""
    parts = [parted(request) for request in small_requests()]
    assert [json.loads(body)["parameters"]["label"] for _, body in parts] == list(LABELS)
    assert {len(body) for _, body in parts} == {SMALL_BYTES}
    assert all(int(fields[b"Content-Length"]) == SMALL_BYTES for fields, _ in parts)


@pytest.mark.parametrize("requests", [small_requests(), failing_requests(), tensor_requests(1_000)])
def test_all_requests_of_a_case_are_of_one_length_and_refuse_tickets(requests) -> None:
    """A file of them is cut up by length; a ticket's 202 would pass for an answer."""
    assert len({len(request) for request in requests}) == 1
    assert all(parted(request)[0][b"Penstock-Fallback"] == b"none" for request in requests)


def test_failing_requests_carry_the_label_whose_tier_fails() -> None:
    """With another label the case would measure no fall-through."""
    ((_, body),) = [parted(request) for request in failing_requests()]
    assert json.loads(body)["parameters"]["label"] == FAILING_LABEL


def test_a_tensor_request_is_read_by_the_labelers_as_one_tensor_of_that_size() -> None:
    """It is the protocol's binary extension, not just many bytes."""
    fields, body = parted(tensor_requests(100_000)[0])
    payload = Payload(headers=tuple(fields.items()), body=body)
    assert payload.json["parameters"]["label"] == LABELS[0]
    tensor = payload.tensors["image"]
    assert (tensor.datatype, list(tensor.shape)) == ("UINT8", [100_000])
    assert bytes(payload.binary) == np.resize(np.arange(256, dtype=np.uint8), 100_000).tobytes()
