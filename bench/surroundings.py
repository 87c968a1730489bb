"""Where a run was made: without it no figure means anything."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence

from .flavours import Flavour
from .raw_engine import RawEngine


def surroundings(engine: RawEngine, flavours: Sequence[Flavour], load_before: float) -> str:
    """Return a sentence about the machine, the programs, the configurations and the load."""
    client = subprocess.run(["ssh", "-V"], check=True, capture_output=True, text=True).stderr.split(",")[0]
    compared = ", ".join(flavour.name for flavour in flavours)
    return (
        f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}, "
        f"Docker {engine.version()}, {client}. Load before the run {load_before:.1f}, at its end "
        f"{os.getloadavg()[0]:.1f}. Configurations of sshore that were compared: {compared}."
    )
