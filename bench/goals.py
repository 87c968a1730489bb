"""What the server should reach, and how far a run says that it does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .series import Chapter, Claim

GOALS = {
    1: "A login with a container from the pool is as quick as SSH alone",
    2: "A login with a fresh container takes what the engine and SSH take",
    3: "A command on an open connection takes what SSH takes, with an exec where no shell is primed",
    4: "Bytes come as fast as their carrier and SSH allow one after the other",
    5: "A keystroke's echo does not wait for what another session streams",
    6: "50 logins at once take what the engine and SSH take; 50 sessions slow nobody's pipes",
    7: "Commands in a row take what the engine and SSH take, and less where there is time between them",
    8: "Many small files take little longer than at sshd",
}


def verdicts(chapters: Iterable[Chapter]) -> list[tuple[str, Sequence[tuple[str, Claim]]]]:
    """Return every goal with the claims that answer it and the titles of their chapters; none if none was measured."""
    answers = [(chapter.title, claim) for chapter in chapters for claim in chapter.claims]
    return [
        (f"{number}. {goal}", [(title, claim) for title, claim in answers if claim.goal == number])
        for number, goal in GOALS.items()
    ]
