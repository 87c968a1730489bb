"""The terminal that this process was started from (tty(4))."""

from __future__ import annotations

import os


def terminal_is_there() -> bool:
    """Whether the process has a controlling terminal that nobody has hung up."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
