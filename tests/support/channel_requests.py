"""Session channels of which everything may be asked in any state, as no client library lets one (RFC 4254 §6)."""

from __future__ import annotations

import asyncio

import asyncssh

from .client import SECONDS

String, UInt32, Boolean = asyncssh.packet.String, asyncssh.packet.UInt32, asyncssh.packet.Boolean

REQUESTS: dict[str, tuple[bytes, ...]] = {
    "pty-req": (String("xterm"), UInt32(80), UInt32(24), UInt32(0), UInt32(0), String(b"\0")),
    "env LC_ALL": (String("LC_ALL"), String("C")),
    "env EDITOR": (String("EDITOR"), String("vi")),
    "env LD_PRELOAD": (String("LD_PRELOAD"), String("/x.so")),
    "shell": (),
    "exec": (String("exec cat"),),
    "subsystem sftp": (String("sftp"),),
    "subsystem other": (String("other"),),
    "window-change": (UInt32(100), UInt32(30), UInt32(0), UInt32(0)),
    "signal URG": (String("URG"),),
    "signal USR1": (String("USR1"),),
    "signal other": (String("OTHER"),),
    "break": (UInt32(500),),
    "x11-req": (Boolean(False), String("MIT-MAGIC-COOKIE-1"), String("00" * 16), UInt32(0)),
    "auth-agent-req@openssh.com": (),
    "eow@openssh.com": (),
    "keepalive@openssh.com": (),
    "xon-xoff": (Boolean(True),),
    "exit-status": (UInt32(0),),
    "other@example.com": (),
}
"""What follows each request's name; what comes after a space tells two of the same name apart."""


async def open_channel(connection: asyncssh.SSHClientConnection) -> asyncssh.SSHClientChannel[bytes]:
    """Open a session channel and ask nothing of it."""
    channel = asyncssh.SSHClientChannel(connection, asyncio.get_running_loop(), "strict", None, "strict", 2**21, 2**15)
    await channel._open(b"session")
    channel._session = asyncssh.SSHClientSession()
    return channel


async def ask(channel: asyncssh.SSHClientChannel[bytes], request: str) -> bool:
    """Return the server's answer."""
    name = request.split()[0].encode()
    answer = await asyncio.wait_for(channel._make_request(name, *REQUESTS[request]), SECONDS)
    return bool(answer)
