"""The actor that blocks in a pull, so that the image actor need not."""

from __future__ import annotations

import time

from ..engine.errors import AccessDenied, EngineError, NotFound, RegistryDenied, Unavailable
from ..engine.types import PullProgress
from ..metrics.codes import Code
from ..metrics.counters import Metrics
from .log import Log
from .messages import ImageFailed, ImageReady, ImageWanted, PullEnded
from .pull_summary import PullSummary
from .ref import Ref, post
from .refusals import refuse
from .worker import Worker


class PullActor(Worker):
    """Does one pull and ends. Its parent reads in `summary` how it goes, and is told what came of it."""

    role = "pull"

    def __init__(self, parent: Ref, log: Log, metrics: Metrics, wanted: ImageWanted, summary: PullSummary) -> None:
        super().__init__(parent, log.bind(image=wanted.image), metrics)
        self._wanted = wanted
        self._summary = summary

    def started(self) -> None:
        try:
            outcome = self._fetched()
        except _ParentGoneError:
            self.log.info("image_pull_abandoned")
        else:
            post(self.parent, PullEnded(outcome))
        self.end()

    def _fetched(self) -> ImageReady | ImageFailed:
        try:
            if not self._came_meanwhile():
                self._pull()
        except EngineError as error:
            refused = refuse(_code_of(error), str(error))
            self.log.error("image_pull_failed", code=refused.code, cause=refused.operator)
            return ImageFailed(refused)
        return ImageReady()

    def _came_meanwhile(self) -> bool:
        wanted = self._wanted
        return wanted.only_if_missing and bool(
            wanted.engine.find_image(wanted.image, wanted.platform, timeout=wanted.stall)
        )

    def _pull(self) -> None:
        wanted, began = self._wanted, time.monotonic()
        self.log.info("image_pull_started")
        wanted.engine.pull_image(
            wanted.image,
            wanted.platform,
            wanted.auth,
            timeout=wanted.timeout,
            stall=wanted.stall,
            progress=self._progressed,
        )
        self.log.info("image_pull_ended", seconds=round(time.monotonic() - began, 3))

    def _progressed(self, progress: PullProgress) -> None:
        self.log.debug("image_pull_progress", layer=progress.layer, status=progress.status)
        self._summary.add(progress)
        if not (self.parent and self.parent.is_alive()):
            raise _ParentGoneError


class _ParentGoneError(Exception):
    """The backend has stopped meanwhile: nobody will come for this image."""


def _code_of(error: EngineError) -> Code:
    match error:
        case NotFound():
            return Code.IMAGE_NOT_FOUND
        case RegistryDenied():
            return Code.IMAGE_PULL_DENIED
        case Unavailable() | AccessDenied():
            return error.code
        case _:
            return Code.IMAGE_PULL_FAILED
