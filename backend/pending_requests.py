"""What a client may ask a running program's session as often as it likes, while its actor waits for the engine."""

from __future__ import annotations

from collections.abc import Callable

from ..actors.messages import ResizeWindow, SendSignal

Request = ResizeWindow | SendSignal


class PendingRequests:
    """Keeps an actor's inbox short: of each kind at most one waits there. Loop only.

    Of window changes the last one counts. A signal that is pending already is not sent twice, as in the kernel
    (signal(7), "Queueing and delivery semantics for standard signals").
    """

    def __init__(self, post: Callable[[Request], object]) -> None:
        self._post = post
        self._signals: set[str] = set()
        self._window: ResizeWindow | None = None
        self._next_window: ResizeWindow | None = None

    def add(self, request: Request) -> None:
        """Pass it on, unless one like it is pending."""
        if isinstance(request, SendSignal):
            if request.name not in self._signals:
                self._signals.add(request.name)
                self._post(request)
        elif self._window is None:
            self._window = request
            self._post(request)
        else:
            self._next_window = request

    def taken(self, request: Request) -> None:
        """The actor begins with it: it is not pending any more."""
        if isinstance(request, SendSignal):
            self._signals.discard(request.name)
            return
        self._window, following, self._next_window = None, self._next_window, None
        if following:
            self.add(following)
