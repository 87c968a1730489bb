"""The actor of one pull: however many wait for the image, it is fetched once."""

from __future__ import annotations

import time

from ..metrics.codes import Code
from ..metrics.counters import Metrics
from .log import Log
from .messages import (
    ChildFailed,
    ImageActorDone,
    ImageFailed,
    ImageReady,
    ImageWanted,
    NewsDue,
    PullEnded,
    PullNews,
)
from .ports import Timers
from .pull import PullActor
from .pull_summary import PullSummary
from .ref import Ref, post
from .refusals import refuse
from .worker import Worker

_NEWS_EVERY = 1.0


class ImageActor(Worker):
    """Has an image pulled. Whoever asks while the pull is under way shares its outcome, and hears how it goes.

    Who leaves is not waited for, and does not stop the pull: others wait, or come soon. When it is over the root is
    told, which sends nobody any more and stops this actor; the same if it crashed.
    """

    role = "image"
    # What comes behind a stop is dropped without a word, and whoever asked would wait for ever.
    stops_itself = False

    def __init__(self, parent: Ref, log: Log, metrics: Metrics, timers: Timers) -> None:
        super().__init__(parent, log, metrics)
        self._timers = timers
        self._askers: list[Ref] = []
        self._pull: Ref | None = None
        self._summary = PullSummary()
        self._outcome: ImageReady | ImageFailed | None = None
        self._known_at = 0.0

    def handle(self, message: object) -> None:
        match message:
            case ImageWanted():
                self._wanted(message)
            case NewsDue():
                self._tell_news()
            case PullEnded(outcome):
                self._ended(outcome)
            case ChildFailed(_, error):
                self._ended(ImageFailed(refuse(Code.INTERNAL_ERROR, repr(error))))

    def missed(self, message: object) -> None:
        if isinstance(message, ImageWanted):
            post(message.asker, _GONE)

    def release(self) -> None:
        self._tell(_GONE)

    def _wanted(self, wanted: ImageWanted) -> None:
        if self._outcome is None:
            self._askers.append(wanted.asker)
            self._begin(wanted)
        elif wanted.asked_at <= self._known_at:
            post(wanted.asker, self._outcome)
        else:
            # It knows by now that this pull is over.
            post(self.parent, wanted)

    def _begin(self, wanted: ImageWanted) -> None:
        if self._pull is None:
            self._pull = PullActor.start(self.actor_ref, self.log, self.metrics, wanted, self._summary)
            self._timers.after(_NEWS_EVERY, self.actor_ref, NewsDue())

    def _tell_news(self) -> None:
        if self._outcome is None:
            news = PullNews(self._summary.sentence)
            self._askers = [asker for asker in self._askers if post(asker, news)]
            self._timers.after(_NEWS_EVERY, self.actor_ref, NewsDue())

    def _ended(self, outcome: ImageReady | ImageFailed) -> None:
        if self._outcome is None:
            self._outcome, self._known_at = outcome, time.monotonic()
            self._tell(outcome)
            post(self.parent, ImageActorDone(self.actor_ref))

    def _tell(self, outcome: ImageReady | ImageFailed) -> None:
        askers, self._askers = self._askers, []
        for asker in askers:
            post(asker, PullNews(""))
            post(asker, outcome)


_GONE = ImageFailed(refuse(Code.INTERNAL_ERROR, "the image actor has ended"))
