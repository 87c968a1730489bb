"""One pull for everybody who needs the image."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sshore.actors.image import ImageActor
from sshore.actors.messages import ChildEnded, ChildFailed, ImageFailed, ImageReady, ImageWanted
from sshore.actors.ref import Ref, post
from sshore.engine.errors import NotFound, Refused, Unavailable
from sshore.engine.fake_containers import FakeImage
from support.memory import SECONDS, Memory
from support.stage import Stage, Witness

IMAGE = "registry.example/tools:1"


class Asker:
    """Somebody who needs the image."""

    def __init__(self, stage: Stage, image: Ref) -> None:
        self.told = Memory()
        self._stage = stage
        self._image = image
        self._ref: Ref = Witness.start(self.told)

    def ask(self, engine: Any = None) -> None:
        wanted = ImageWanted(
            asker=self._ref,
            engine=engine or self._stage.engine,
            image=IMAGE,
            platform=None,
            auth=None,
            timeout=SECONDS,
            asked_at=time.monotonic(),
        )
        assert post(self._image, wanted)


@pytest.fixture
def image(stage: Stage) -> Ref:
    return ImageActor.start(stage.parent, stage.book.log, stage.metrics)


def wait_for_pull(stage: Stage) -> None:
    stage.book.wait_for("image_pull_started")


def test_an_image_that_is_there_after_the_pull_is_told(stage: Stage, image: Ref) -> None:
    stage.engine.registry[IMAGE] = FakeImage()
    asker = Asker(stage, image)
    asker.ask()
    asker.told.wait_for(ImageReady)
    assert IMAGE in stage.engine.images
    assert [line["status"] for line in stage.book.of("image_pull_progress")] == ["Downloading", "Pull complete"]
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
    [(NotFound, "IMAGE_NOT_FOUND"), (Refused, "IMAGE_PULL_FAILED"), (Unavailable, "ENGINE_UNAVAILABLE")],
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


def test_who_asks_after_a_pull_gets_a_new_one(stage: Stage, image: Ref) -> None:
    first, second = Asker(stage, image), Asker(stage, image)
    first.ask()
    assert first.told.wait_for(ImageFailed).refused.code == "IMAGE_NOT_FOUND"
    stage.engine.registry[IMAGE] = FakeImage()
    second.ask()
    second.told.wait_for(ImageReady)
    assert stage.engine.faults.calls("image_pull") == 2


class Broken:
    """An engine whose pull crashes with something that is no EngineError, as late as the test likes."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error
        self.pulling = threading.Event()
        self.go_on = threading.Event()

    def pull_image(self, *_: object, **__: object) -> None:
        self.pulling.set()
        assert self.go_on.wait(SECONDS)
        raise self._error("injected")


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_crash_tells_everybody_who_waited(stage: Stage, image: Ref, error: type[BaseException]) -> None:
    engine = Broken(error)
    askers = [Asker(stage, image) for _ in range(3)]
    for asker in askers:
        asker.ask(engine)
    assert engine.pulling.wait(SECONDS)
    engine.go_on.set()
    assert {asker.told.wait_for(ImageFailed).refused.code for asker in askers} == {"INTERNAL_ERROR"}
    assert stage.told_parent.wait_for(ChildFailed).child == image
    assert stage.count("sshore_actor_failures_total", actor="image") == 1


def test_a_stop_is_told_to_the_parent(stage: Stage, image: Ref) -> None:
    image.stop()
    assert stage.told_parent.wait_for(ChildEnded).child == image
