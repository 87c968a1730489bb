"""The actor of one image: one pull at a time, however many wait for it."""

from __future__ import annotations

import time

from ..engine.errors import EngineError, NotFound
from ..engine.types import PullProgress
from ..metrics.codes import Code
from ..metrics.counters import Metrics
from .log import Log
from .messages import ImageFailed, ImageReady, ImageWanted
from .ref import Ref, post
from .refusals import refuse, refuse_for
from .worker import Worker


class ImageActor(Worker):
    """Fetches an image. Whoever asked while a pull was under way shares its outcome."""

    role = "image"

    def __init__(self, parent: Ref, log: Log, metrics: Metrics) -> None:
        super().__init__(parent, log, metrics)
        self._outcome: ImageReady | ImageFailed | None = None
        self._known_at = 0.0

    def handle(self, message: object) -> None:
        if isinstance(message, ImageWanted):
            if self._outcome is None or message.asked_at > self._known_at:
                self._outcome = self._pull(message)
                self._known_at = time.monotonic()
            post(message.asker, self._outcome)

    def missed(self, message: object) -> None:
        if isinstance(message, ImageWanted):
            post(message.asker, ImageFailed(refuse(Code.INTERNAL_ERROR, "the image actor has ended")))

    def _pull(self, wanted: ImageWanted) -> ImageReady | ImageFailed:
        self.log.info("image_pull_started", image=wanted.image)
        try:
            wanted.engine.pull_image(
                wanted.image, wanted.platform, wanted.auth, timeout=wanted.timeout, progress=self._progressed
            )
        except EngineError as error:
            absent = isinstance(error, NotFound)
            refused = refuse_for(error, Code.IMAGE_NOT_FOUND if absent else Code.IMAGE_PULL_FAILED)
            self.log.error("image_pull_failed", image=wanted.image, code=refused.code, cause=refused.operator)
            return ImageFailed(refused)
        self.log.info("image_pull_ended", image=wanted.image)
        return ImageReady()

    def _progressed(self, progress: PullProgress) -> None:
        self.log.debug("image_pull_progress", layer=progress.layer, status=progress.status)
