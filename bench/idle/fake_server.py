"""sshore behind its own listener, in front of the fake engine: `python -m bench.idle.fake_server CONFIG STATE`.

It prints its port.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from sshore.backend.backend import Backend
from sshore.config.load import load_config
from sshore.config.logs import configure_logging
from sshore.config.models import Config
from sshore.engine.fake.engine import FakeEngine
from sshore.ssh.listener import Listener


async def _serve(config: Config, state: Path) -> None:
    async with Backend(config.docker, state, engine=FakeEngine()) as backend:
        listener = Listener(config, state, backend)
        await listener.start()
        print(listener.port, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("state", type=Path)
    arguments = parser.parse_args()
    config = load_config(arguments.config)
    configure_logging(config.log)
    arguments.state.mkdir(mode=0o700)
    asyncio.run(_serve(config, arguments.state))


if __name__ == "__main__":
    main()
