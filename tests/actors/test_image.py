"""One pull for everybody who needs the image."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sshore.actors.image import ImageActor
from sshore.actors.messages import (
    ChildEnded,
    ChildFailed,
    ImageActorDone,
    ImageFailed,
    ImageReady,
    ImageWanted,
    NewsDue,
    PullNews,
)
from sshore.actors.pull_summary import PullSummary
from sshore.actors.ref import Ref, post
from sshore.engine.errors import NotFound, Refused, RegistryDenied, ServerFault, TimedOut, Unavailable
from sshore.engine.fake.containers import FakeImage
from sshore.engine.types import PullProgress
from support.memory import SECONDS, Memory
from support.stage import Stage, Witness

IMAGE = "registry.example/tools:1"


class Asker:
    """Somebody who needs the image."""

    def __init__(self, stage: Stage, image: Ref) -> None:
        self.told = Memory()
        self.ref: Ref = Witness.start(self.told)
        self._stage = stage
        self._image = image

    def ask(self, engine: Any = None, *, only_if_missing: bool = False, asked_at: float | None = None) -> ImageWanted:
        wanted = ImageWanted(
            asker=self.ref,
            engine=engine or self._stage.engine,
            image=IMAGE,
            platform="linux/amd64",
            auth=None,
            only_if_missing=only_if_missing,
            timeout=SECONDS,
            stall=SECONDS,
            asked_at=time.monotonic() if asked_at is None else asked_at,
        )
        assert post(self._image, wanted)
        return wanted

    @property
    def news(self) -> list[str]:
        return [news.sentence for news in self.told.of(PullNews)]


@pytest.fixture
def image(stage: Stage) -> Ref:
    return ImageActor.start(stage.parent, stage.book.log, stage.metrics, stage.timers)


def wait_for_pull(stage: Stage) -> None:
    stage.book.wait_for("image_pull_started")


def test_an_image_that_is_there_after_the_pull_is_told(stage: Stage, image: Ref) -> None:
    stage.engine.registry[IMAGE] = FakeImage()
    asker = Asker(stage, image)
    asker.ask()
    asker.told.wait_for(ImageReady)
    assert IMAGE in stage.engine.images
    said = [line["status"] for line in stage.book.of("image_pull_progress")]
    assert said == ["Pulling fs layer", "Downloading", "Pull complete"]
    assert stage.book.wait_for("image_pull_ended")["image"] == IMAGE


def test_all_who_asked_during_a_pull_share_it(stage: Stage, image: Ref) -> None:
    stage.engine.registry[IMAGE] = FakeImage()
    release = stage.engine.faults.hang("image_pull")
    askers = [Asker(stage, image) for _ in range(20)]
    for asker in askers:
        asker.ask()
    wait_for_pull(stage)
    release()
    for asker in askers:
        asker.told.wait_for(ImageReady)
    assert stage.engine.faults.calls("image_pull") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound, "IMAGE_NOT_FOUND"),
        (RegistryDenied, "IMAGE_PULL_DENIED"),
        (Refused, "IMAGE_PULL_FAILED"),
        (ServerFault, "IMAGE_PULL_FAILED"),
        (TimedOut, "IMAGE_PULL_FAILED"),
        (Unavailable, "ENGINE_UNAVAILABLE"),
    ],
)
def test_all_who_asked_during_a_pull_learn_why_it_failed(
    stage: Stage, image: Ref, error: type[Exception], code: str
) -> None:
    stage.engine.faults.fail("image_pull", error)
    release = stage.engine.faults.hang("image_pull")
    askers = [Asker(stage, image) for _ in range(5)]
    for asker in askers:
        asker.ask()
    wait_for_pull(stage)
    release()
    assert {asker.told.wait_for(ImageFailed).refused.code for asker in askers} == {code}
    assert stage.engine.faults.calls("image_pull") == 1
    assert "made to fail" in stage.book.wait_for("image_pull_failed")["cause"]


def test_who_asked_before_the_end_shares_the_outcome_and_who_asks_after_it_is_handed_back(
    stage: Stage, image: Ref
) -> None:
    first, late, next_one = (Asker(stage, image) for _ in range(3))
    began = time.monotonic()
    first.ask()
    assert first.told.wait_for(ImageFailed).refused.code == "IMAGE_NOT_FOUND"
    assert stage.told_parent.wait_for(ImageActorDone).image == image
    late.ask(asked_at=began)
    assert late.told.wait_for(ImageFailed).refused.code == "IMAGE_NOT_FOUND"
    wanted = next_one.ask()
    assert stage.told_parent.wait_for(ImageWanted) == wanted
    assert next_one.told.all == []
    assert stage.engine.faults.calls("image_pull") == 1


@pytest.mark.parametrize(("only_if_missing", "pulls"), [(True, 0), (False, 1)])
def test_an_image_that_came_meanwhile_is_pulled_again_only_where_that_was_asked(
    stage: Stage, image: Ref, only_if_missing: bool, pulls: int
) -> None:
    stage.engine.images[IMAGE] = stage.engine.registry[IMAGE] = FakeImage()
    asker = Asker(stage, image)
    asker.ask(only_if_missing=only_if_missing)
    asker.told.wait_for(ImageReady)
    assert stage.engine.faults.calls("image_pull") == pulls


def test_an_image_for_another_platform_is_missing(stage: Stage, image: Ref) -> None:
    stage.engine.images[IMAGE] = FakeImage(platform="linux/arm64/v8")
    stage.engine.registry[IMAGE] = FakeImage()
    asker = Asker(stage, image)
    asker.ask(only_if_missing=True)
    asker.told.wait_for(ImageReady)
    assert stage.engine.images[IMAGE].platform == "linux/amd64"


# News.


class Talking:
    """An engine whose pull says what the test has it say."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._began = threading.Event()
        self._over = threading.Event()
        self.failure: BaseException | None = None

    def pull_image(self, *_: object, progress: Any, **__: object) -> None:
        self._progress = progress
        self._began.set()
        assert self._over.wait(SECONDS)
        if self.failure:
            raise self.failure

    def say(self, layer: str, status: str, current: int = 0) -> None:
        assert self._began.wait(SECONDS)
        self._progress(PullProgress(layer, status, current, 0))

    def end(self) -> None:
        assert self._began.wait(SECONDS)
        self._over.set()


def test_whoever_waits_hears_once_a_second_how_it_goes(stage: Stage, image: Ref) -> None:
    engine, asker, late = Talking(), Asker(stage, image), Asker(stage, image)
    asker.ask(engine)
    assert stage.timers.ring(NewsDue).seconds == 1.0
    asker.told.wait_for(PullNews)
    late.ask(engine)
    assert stage.timers.ring(NewsDue, 2).seconds == 1.0
    late.told.wait_for(PullNews)
    asker.told.wait_for(PullNews, 2)
    assert (asker.news, late.news) == (["Fetching the image"] * 2, ["Fetching the image"])
    engine.end()
    late.told.wait_for(ImageReady)
    assert post(image, NewsDue())
    stage.told_parent.wait_for(ImageActorDone)
    asker.told.wait_for(ImageReady)
    assert asker.news[2:] == late.news[1:] == [""]


def test_of_a_talkative_pull_the_last_word_counts(stage: Stage, image: Ref) -> None:
    engine, asker = Talking(), Asker(stage, image)
    asker.ask(engine)
    engine.say("a1", "Pulling fs layer")
    for count in range(1000):
        engine.say("a1", "Downloading", count * 10_000)
    stage.timers.ring(NewsDue)
    assert asker.told.wait_for(PullNews).sentence == "Fetching the image: 0 of 1 layers, 10.0 MB"
    engine.end()
    asker.told.wait_for(ImageReady)
    assert len(asker.told.all) == 3


def test_who_left_is_not_told_and_the_pull_goes_on(stage: Stage, image: Ref) -> None:
    engine, gone, patient = Talking(), Asker(stage, image), Asker(stage, image)
    gone.ask(engine)
    gone.ref.stop()
    stage.timers.ring(NewsDue)
    patient.ask(engine)
    stage.timers.ring(NewsDue, 2)
    patient.told.wait_for(PullNews)
    engine.end()
    patient.told.wait_for(ImageReady)
    assert gone.told.all == []


def test_a_pull_goes_on_when_the_last_who_waited_has_left(stage: Stage, image: Ref) -> None:
    engine, gone = Talking(), Asker(stage, image)
    gone.ask(engine)
    gone.ref.stop()
    stage.timers.ring(NewsDue)
    engine.end()
    stage.book.wait_for("image_pull_ended")
    stage.told_parent.wait_for(ImageActorDone)


def test_a_pull_sums_its_layers_up() -> None:
    summary = PullSummary()
    said = [summary.sentence]
    for layer, status, current in [
        ("1", "Pulling from tools", 0),
        ("a", "Pulling fs layer", 0),
        ("b", "Already exists", 0),
        ("c", "Pulling fs layer", 0),
        ("a", "Downloading", 1_200_000),
        ("c", "Downloading", 30_000_000),
        ("a", "Extracting", 100),
        ("a", "Pull complete", 0),
        ("", "Digest: sha256:0", 0),
    ]:
        summary.add(PullProgress(layer, status, current, 0))
        said.append(summary.sentence)
    assert said[:3] == ["Fetching the image", "Fetching the image", "Fetching the image: 0 of 1 layers, 0.0 MB"]
    assert said[6] == "Fetching the image: 1 of 3 layers, 31.2 MB"
    assert said[-1] == "Fetching the image: 2 of 3 layers, 31.2 MB"


def test_a_pull_of_whose_unpacking_nothing_is_told_comes_to_its_end() -> None:
    """Nor are parts counted that are no layers, of which containerd's image store tells."""
    summary = PullSummary()
    for layer, status, current in [
        ("latest", "Pulling from tools", 0),
        ("9b3c7a2f0d11", "Download complete", 0),
        ("a", "Pulling fs layer", 0),
        ("b", "Pulling fs layer", 0),
        ("c0ffee", "Download complete", 0),
        ("a", "Downloading", 3_000_000),
        ("b", "Already exists", 0),
        ("a", "Download complete", 0),
    ]:
        summary.add(PullProgress(layer, status, current, 0))
    assert summary.sentence == "Fetching the image: 2 of 2 layers, 3.0 MB"


# Crashes and stops.


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_crash_of_the_pull_tells_everybody_who_waited(stage: Stage, image: Ref, error: type[BaseException]) -> None:
    engine = Talking()
    engine.failure = error("injected")
    askers = [Asker(stage, image) for _ in range(3)]
    for asker in askers:
        asker.ask(engine)
    engine.end()
    assert {asker.told.wait_for(ImageFailed).refused.code for asker in askers} == {"INTERNAL_ERROR"}
    assert stage.told_parent.wait_for(ImageActorDone).image == image
    assert stage.count("sshore_actor_failures_total", actor="pull") == 1


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_crash_tells_everybody_who_waited(
    stage: Stage, image: Ref, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, askers = Talking(), [Asker(stage, image) for _ in range(3)]
    for asker in askers:
        asker.ask(engine)

    def crash(*_: object) -> None:
        raise error("injected")

    monkeypatch.setattr(ImageActor, "_tell_news", crash)
    stage.timers.ring(NewsDue)
    assert {asker.told.wait_for(ImageFailed).refused.code for asker in askers} == {"INTERNAL_ERROR"}
    assert stage.told_parent.wait_for(ChildFailed).child == image
    assert stage.count("sshore_actor_failures_total", actor="image") == 1
    engine.end()


def test_a_stop_is_told_to_everybody_and_ends_the_pull_at_its_next_word(stage: Stage, image: Ref) -> None:
    class Endless(Talking):
        def pull_image(self, *_: object, progress: Any, **__: object) -> None:
            self._began.set()
            while not self._over.is_set():
                progress(PullProgress("a1", "Downloading", 1, 2))
                time.sleep(0.01)

    engine, asker = Endless(), Asker(stage, image)
    asker.ask(engine)
    wait_for_pull(stage)
    image.stop()
    assert stage.told_parent.wait_for(ChildEnded).child == image
    assert asker.told.wait_for(ImageFailed).refused.code == "INTERNAL_ERROR"
    stage.book.wait_for("image_pull_abandoned")
