"""A network of the test's own: a cable between two network namespaces, which can be pulled out. Needs root."""

from __future__ import annotations

import os
import subprocess

_BASE = "198.18"
"""For tests of networks (RFC 2544, appendix C)."""


class Link:
    """Use it as a context manager. `near` is this machine's own namespace unless `apart`, `far` is another one.

    Nobody hears of the pulled cable: packets are lost, in both directions.
    """

    def __init__(self, *, apart: bool = False) -> None:
        number = os.getpid() % 16_000
        self.near_address = f"{_BASE}.{number // 64}.{number % 64 * 4 + 1}"
        self._far_address = f"{_BASE}.{number // 64}.{number % 64 * 4 + 2}"
        self._far, self._near = f"sshore-far-{number}", f"sshore-near-{number}" if apart else ""
        self._device = f"ssh{number}"

    def __enter__(self) -> Link:
        self._ip("netns", "add", self._far)
        if self._near:
            self._ip("netns", "add", self._near)
        self._ip(*self._of(self._near), "link", "add", self._device, "type", "veth", "peer", "far", "netns", self._far)
        for space, device, address in (
            (self._near, self._device, self.near_address),
            (self._far, "far", self._far_address),
        ):
            self._ip(*self._of(space), "addr", "add", f"{address}/30", "dev", device)
            self._ip(*self._of(space), "link", "set", device, "up")
        return self

    def __exit__(self, *exc: object) -> None:
        # The device is gone with either end, but the kernel takes a namespace away when its last socket has gone.
        self._ip(*self._of(self._near), "link", "del", self._device)
        for space in (self._far, self._near):
            if space:
                self._ip("netns", "del", space)

    @property
    def far(self) -> list[str]:
        """The command that runs the command behind it at the far end."""
        return ["ip", "netns", "exec", self._far]

    @property
    def near(self) -> list[str]:
        """The same for the near end."""
        return ["ip", "netns", "exec", self._near] if self._near else []

    def pull_out(self) -> None:
        """Let nothing through any more."""
        self._ip(*self._of(self._far), "link", "set", "far", "down")

    def plug_in(self) -> None:
        """Let everything through again."""
        self._ip(*self._of(self._far), "link", "set", "far", "up")

    def _of(self, space: str) -> list[str]:
        return ["-n", space] if space else []

    def _ip(self, *arguments: str) -> None:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
