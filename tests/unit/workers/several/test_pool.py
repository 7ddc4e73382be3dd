"""Sets of models and fetched pictures, over real models that run right here."""

import asyncio
import io
import os
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from PIL import Image

from workers.device import Ground
from workers.entry import Entry
from workers.errors import BadInput, BadRepository, Expired, Overloaded
from workers.fetch.errors import Forbidden
from workers.fetch.fetcher import Fetcher
from workers.fetch.limits import FetchLimits
from workers.model import Model, sample_request
from workers.oip.datatypes import BadTensor
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, RequestedOutput, Tensor
from workers.pool import Listed
from workers.ports import Tensors
from workers.repository import read_repository
from workers.several.description import read_sets
from workers.several.pool import SharingPool
from workers.statistics import ModelStatistics
from workers.tree.ledger import Ledger, make_ledger

SIX = ("a", "b", "c", "d", "e", "f")
MODEL = """
name: {name}
version: "1"
kind: classification
backend: python
files: {{model: model.py, sample: sample.png}}
inputs: [{{name: IN_{name}, datatype: BYTES, shape: [-1]}}]
outputs:
  - {{name: LABEL, datatype: BYTES, shape: [-1]}}
  - {{name: SCORES, datatype: FP32, shape: [-1, 2]}}
  - {{name: RISK, datatype: FP32, shape: [-1]}}
options:
  {{reads: picture, classes: [dark, bright], risky: [bright], side: 8, mean: [0, 0, 0], deviation: [1, 1, 1]}}
sample: {{IN_{name}: {{file: sample}}}}
"""
CODE = """
import numpy as np
from workers.oip.tensors import Tensor
def infer(inputs, parameters):
    bright = inputs[0].data.mean(axis=(1, 2, 3))
    return (Tensor.of("scores", "FP32", np.stack([1 - bright, bright], 1).astype("f4")),)
"""


def picture(shade: int, side: int = 20) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in SIX:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.yaml").write_text(MODEL.format(name=name))
        (tmp_path / name / "model.py").write_text(CODE)
        (tmp_path / name / "sample.png").write_bytes(picture(10))
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "several.yaml").write_text('name: all\nversion: "1"\nmodels: [a, b, c, d, e, f]\n')
    return tmp_path


class Here:
    """`pool.Pool` over models in this process. `refused` is refused; `held` never ends."""

    loaded = True

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = {entry.name: entry for entry in entries}
        self.models = {entry.name: Model(entry) for entry in entries}
        for model in self.models.values():
            model.initialise(Ground())
        self.asked: list[tuple[str, InferRequest, int]] = []
        self.refused = self.held = ""
        self.holds = asyncio.Event()
        self.unready: set[str] = set()
        self.shared: dict[str, int] = {}
        self.futures: dict[str, asyncio.Future[Tensors]] = {}

    def find(self, name: str, version: str = "") -> Entry | None:
        return self.entries.get(name) if version in ("", "1") else None

    def versions(self, name: str) -> list[str]:
        return ["1"] if name in self.entries else []

    def index(self) -> list[Listed]:
        return [Listed(entry=entry, ready=self.ready(entry)) for entry in self.entries.values()]

    def infer(
        self, entry: Entry, request: InferRequest, deadline_s: float | None, rank: int = 0
    ) -> "asyncio.Future[Tensors]":
        self.asked.append((entry.name, request, rank))
        if entry.name == self.refused:
            raise Overloaded("full")
        future: asyncio.Future[Tensors] = asyncio.get_running_loop().create_future()
        self.futures[entry.name] = future
        if entry.name == self.held:
            self.holds.set()
        else:
            future.set_result(self.models[entry.name].infer(request))
        return future

    def ready(self, entry: Entry) -> bool:
        return entry.name not in self.unready

    async def prove(self, entry: Entry) -> bool:
        self.unready.discard(entry.name)
        return True

    def statistics(self, entry: Entry) -> ModelStatistics:
        return ModelStatistics(inference_count=7, shared=self.shared)

    async def load_model(self, name: str, override: dict[str, Any] | None = None) -> None:
        self.asked.append((f"load {name}", InferRequest(inputs=()), 0))

    async def unload_model(self, name: str) -> None:
        self.asked.append((f"unload {name}", InferRequest(inputs=()), 0))


class Pictures(Fetcher):
    """Fetches from a dictionary; what is counted is how often."""

    def __init__(self, pictures: dict[str, bytes], hosts: tuple[str, ...] = ("h",)) -> None:
        super().__init__(FetchLimits(hosts=hosts, pictures_max=4))
        self.pictures = pictures
        self.fetched: list[str] = []

    async def fetch(self, text: str) -> bytes:
        self.fetched.append(text)
        if text not in self.pictures:
            raise Forbidden("not there")
        return self.pictures[text]


@pytest.fixture
def here(repository: Path) -> Here:
    return Here(read_repository(repository))


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    file = make_ledger(2)
    yield Ledger(file, columns=2)
    os.close(file)


@pytest.fixture
def pool(here: Here, repository: Path, ledger: Ledger) -> SharingPool:
    fetcher = Pictures({"http://h/1": picture(200), "http://h/2": picture(0)})
    return SharingPool(here, read_sets(repository, tuple(here.entries.values())), fetcher, ledger)


def ask(
    *raws: bytes, outputs: tuple[str, ...] = (), name: str = "PICTURE", **parameters: Any
) -> InferRequest:
    return InferRequest(
        inputs=(Tensor.of(name, "BYTES", bytes_array(list(raws))),),
        outputs=tuple(RequestedOutput(name=each) for each in outputs),
        parameters=parameters,
    )


def entry_of(pool: SharingPool, name: str = "all") -> Entry:
    entry = pool.find(name)
    assert entry is not None
    return entry


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each call unpacked; a place that takes pixels as they are unpacks none."""
    import workers.pictures

    counted: list[int] = []
    opened = workers.pictures.Image.open

    def count(stream: io.BytesIO, **given: Any) -> Any:
        counted.append(len(stream.getvalue()))
        return opened(stream, **given)

    monkeypatch.setattr(workers.pictures.Image, "open", count)
    return counted


async def test_six_models_answer_as_they_do_alone_and_the_picture_is_decoded_once(
    pool: SharingPool, here: Here, decoded: list[int]
) -> None:
    """Bit by bit the same; 10 of 12 decodes are saved: more than the 60% that was asked for."""
    raws = (picture(200), picture(30))
    together = await pool.infer(entry_of(pool), ask(*raws), None)
    assert len(decoded) == 2
    by_name = {tensor.name: tensor.data for tensor in together}
    for name in SIX:
        alone = await pool.infer(entry_of(pool, name), ask(*raws, name=f"IN_{name}"), None)
        for tensor in alone:
            assert (by_name[f"{name}.{tensor.name}"] == tensor.data).all()
    assert len(decoded) == 2 + 2 * 6
    shared = pool.statistics(entry_of(pool)).shared
    assert shared == {"pictures": 2, "fetches": 0, "fetches_saved": 0, "decodes": 2, "decodes_saved": 10}


async def test_six_models_fetch_a_picture_once(pool: SharingPool) -> None:
    """5 of 6 fetches are saved."""
    outputs = await pool.infer(entry_of(pool), ask(b"http://h/1", b"http://h/2", fetch=True), None)
    labels = [tensor.data.tolist() for tensor in outputs if tensor.name.endswith(".LABEL")]
    assert labels == [[b"bright", b"dark"]] * 6
    assert pool._fetcher.fetched == ["http://h/1", "http://h/2"]  # type: ignore[attr-defined]
    shared = pool.statistics(entry_of(pool)).shared
    saved = shared["fetches_saved"] / (shared["fetches"] + shared["fetches_saved"])
    assert saved == pytest.approx(5 / 6)


async def test_one_model_alone_may_be_given_a_url_too(pool: SharingPool, here: Here) -> None:
    """What reaches the model is a picture, and no word of fetching."""
    request = ask(b"http://h/1", name="IN_a", fetch=True, other=1)
    outputs = await pool.infer(entry_of(pool, "a"), request, None)
    assert outputs[0].data.tolist() == [b"bright"]
    assert here.asked[-1][1].parameters == {"other": 1}


async def test_a_url_is_data_unless_the_request_says_otherwise(pool: SharingPool) -> None:
    """A text may well be a URL."""
    with pytest.raises(BadInput, match="not a picture"):
        await pool.infer(entry_of(pool, "a"), ask(b"http://h/1", name="IN_a"), None)
    assert pool._fetcher.fetched == []  # type: ignore[attr-defined]


async def test_nothing_is_fetched_where_no_host_is_listed(here: Here, ledger: Ledger) -> None:
    """And the caller is told why."""
    pool = SharingPool(here, (), Pictures({}, hosts=()), ledger)
    with pytest.raises(BadInput, match="without hosts"):
        await pool.infer(entry_of(pool, "a"), ask(b"http://h/1", name="IN_a", fetch=True), None)


async def test_urls_of_one_request_are_bounded(pool: SharingPool) -> None:
    """Before the first is fetched."""
    with pytest.raises(BadInput, match="5 URLs; the limit is 4"):
        await pool.infer(entry_of(pool), ask(*[b"http://h/1"] * 5, fetch=True), None)
    assert pool._fetcher.fetched == []  # type: ignore[attr-defined]


async def test_only_models_whose_outputs_are_wanted_are_asked(pool: SharingPool, here: Here) -> None:
    """The others would work for nothing."""
    outputs = await pool.infer(entry_of(pool), ask(picture(1), outputs=("b.RISK", "e.LABEL")), None, 3)
    assert [(name, rank) for name, _, rank in here.asked] == [("b", 3), ("e", 3)]
    assert {tensor.name for tensor in outputs} >= {"b.RISK", "e.LABEL"}
    with pytest.raises(BadTensor, match="no output 'z'"):
        await pool.infer(entry_of(pool), ask(picture(1), outputs=("z",)), None)


async def test_one_model_that_refuses_fails_the_request_and_lets_the_others_go(
    pool: SharingPool, here: Here
) -> None:
    """Half an answer would be taken for a whole one."""
    here.held, here.refused = "a", "d"
    with pytest.raises(Overloaded):
        await pool.infer(entry_of(pool), ask(picture(1)), None)
    assert here.futures["a"].cancelled()
    assert "e" not in here.futures
    assert pool.statistics(entry_of(pool)).fail.count == 1


async def test_a_caller_that_leaves_lets_all_models_go(pool: SharingPool, here: Here) -> None:
    """Their places are free at once."""
    here.held = "f"
    future = pool.infer(entry_of(pool), ask(picture(1)), None)
    await here.holds.wait()
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        await future
    assert here.futures["f"].cancelled()
    assert not pool._tasks


async def test_a_deadline_ends_all_of_it(pool: SharingPool, here: Here) -> None:
    """Fetching and decoding included."""
    here.held = "f"
    with pytest.raises(Expired):
        await pool.infer(entry_of(pool), ask(picture(1)), monotonic() + 0.05)
    with pytest.raises(Expired):
        await pool.infer(entry_of(pool), ask(picture(1)), monotonic() - 1)


async def test_a_bad_picture_is_the_callers_error(pool: SharingPool) -> None:
    """With the number that it has in the request."""
    with pytest.raises(BadInput, match="picture 1: not a picture"):
        await pool.infer(entry_of(pool), ask(picture(1), b"x"), None)


async def test_a_picture_too_large_to_share_is_decoded_by_each(
    pool: SharingPool, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pixels would crowd out other requests."""
    monkeypatch.setattr("workers.several.sharing.SHARED_PIXELS_MAX", 399)
    await pool.infer(entry_of(pool), ask(picture(1)), None)
    assert pool.statistics(entry_of(pool)).shared["decodes_saved"] == 0
    assert pool.statistics(entry_of(pool)).shared["decodes"] == 6


async def test_a_set_tells_what_its_models_shared_on_their_device(pool: SharingPool, here: Here) -> None:
    """The front cannot know whether the device's process still had a picture."""
    here.shared = {"decodes": 1, "decodes_saved": 2}
    shared = pool.statistics(entry_of(pool)).shared
    assert (shared["decodes"], shared["decodes_saved"]) == (6, 12)


async def test_nothing_is_decoded_for_one_model_alone(pool: SharingPool, here: Here) -> None:
    """It would only be carried further."""
    raw = picture(1)
    await pool.infer(entry_of(pool), ask(raw, outputs=("b.RISK",)), None)
    assert here.asked[0][1].inputs[0].data[0] == raw


async def test_a_set_is_described_probed_and_listed_as_a_model_is(pool: SharingPool, here: Here) -> None:
    """So that a proxy routes to it without knowing."""
    entry = entry_of(pool)
    assert pool.find("all", "1") is entry
    assert pool.find("all", "2") is None
    assert (pool.versions("all"), pool.versions("a")) == (["1"], ["1"])
    assert [spec.name for spec in entry.outputs][:3] == ["a.LABEL", "a.SCORES", "a.RISK"]
    assert [each.entry.name for each in pool.index()] == [*SIX, "all"]
    assert pool.ready(entry)
    here.unready.add("c")
    assert not pool.ready(entry)
    assert pool.index()[-1].reason
    assert await pool.prove(entry)
    assert pool.ready(entry)
    assert await pool.prove(entry_of(pool, "a"))
    assert pool.statistics(entry_of(pool, "a")).inference_count == 7
    assert (await pool.infer(entry, sample_request(entry), None))[0].data.tolist() == [b"dark"]


async def test_models_are_loaded_and_unloaded_through_it(pool: SharingPool, here: Here) -> None:
    """It stands in front of everything."""
    await pool.load_model("a", {"max_batch_size": 2})
    await pool.unload_model("a")
    assert [name for name, _, _ in here.asked] == ["load a", "unload a"]
    assert pool.loaded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name: x\nversion: "1"\nmodels: [a, a]\n', "named twice"),
        ('name: x\nversion: "1"\nmodels: []\n', "1 to 32"),
        ('name: a\nversion: "1"\nmodels: [b]\n', "is there already"),
        ('name: x\nversion: "1"\nmodels: [plain]\n', "does not take pictures"),
        ('name: x\nversion: "1"\n', "models"),
        ("{", "expected"),
        ('name: x\nversion: "1"\nmodels: [a]\nmore: 1\n', "more"),
    ],
)
def test_a_set_that_makes_no_sense_is_refused_in_words(repository: Path, text: str, words: str) -> None:
    """At the start, with the file's name."""
    (repository / "plain").mkdir()
    (repository / "plain" / "model.yaml").write_text(
        'name: plain\nversion: "1"\nkind: tensors\nbackend: python\n'
        "files: {model: model.py}\nsample: {x: [1]}\n"
    )
    (repository / "plain" / "model.py").write_text(CODE)
    (repository / "all" / "several.yaml").write_text(text)
    with pytest.raises(BadRepository, match=words) as caught:
        read_sets(repository, read_repository(repository))
    assert "all/several.yaml" in str(caught.value)


def test_a_set_of_models_that_are_not_served_is_left_out(repository: Path) -> None:
    """`--models a,b` serves a part of a repository."""
    assert read_sets(repository, read_repository(repository, ("a", "b"))) == ()
