"""The clock by which connections are charged for what they cost."""

from __future__ import annotations

import time

work_time = time.thread_time
"""Seconds for which a processor has worked for the calling thread. What other processes and threads take of a busy
machine is nobody's debt."""
