"""The catalogue of everything that can go wrong: the codes of the log and the metrics, and what each one means."""

from __future__ import annotations

from enum import StrEnum, auto
from typing import Self


class Code(StrEnum):
    """A code with two sentences: `user` for the client, without internals, and `operator` for whoever reads the log.

    `operator` is Markdown. Where `user` is empty no client is told this code; it is in the log only. Faults of the
    configuration have no code: nobody is connected yet, and each is told with its path and line.
    """

    user: str
    operator: str

    def __new__(cls, code: str, user: str, operator: str) -> Self:
        """Make the member that is the text `code`."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.user = user
        member.operator = operator
        return member

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:
        return name

    IMAGE_NOT_FOUND = (
        auto(),
        "The image for this session does not exist.",
        "`docker.execution.container.Image` and `imagePullPolicy`; `docker image ls`. The log's cause is the engine's "
        "or the registry's own.",
    )
    IMAGE_PULL_FAILED = (
        auto(),
        "The image for this session could not be fetched, please try again later.",
        "The cause is the registry's or the engine's answer, or says that the pull took longer than "
        "`timeouts.imagePull` or made no progress for `timeouts.imagePullStall`. `docker pull` on the engine's machine "
        "shows the same. A credential helper of the server's user that fails is told here, too.",
    )
    IMAGE_PULL_DENIED = (
        auto(),
        "The image for this session could not be fetched: its registry refused access.",
        "The credentials: `docker.execution.auth`, without it the logins of the server's user "
        "([where they come from](operations.md#images)). The cause is the registry's answer. Some registries say the "
        "same of an image that does not exist.",
    )
    CONTAINER_CREATE_FAILED = (
        auto(),
        "Your container could not be created.",
        "The engine refused what `docker.execution` asks for: a mount, a device, a limit, a network. The cause says "
        "which.",
    )
    CONTAINER_START_FAILED = (
        auto(),
        "Your container could not be started.",
        "As for `CONTAINER_CREATE_FAILED`: some settings are tried by the engine only when the container starts.",
    )
    CONTAINER_LOST = (
        auto(),
        "Your container has ended.",
        "Somebody removed it, the engine restarted, or a user with root in it killed its main process. Programs that "
        "ran in it are reported as killed, 137, with this sentence. `docker events --since 10m` shows what the engine "
        "saw.",
    )
    OUT_OF_MEMORY = (
        auto(),
        "Your container ran out of memory.",
        "`docker.execution.host.Memory`. Told in session mode when the kernel killed something in the container, with "
        "the program's own status; in connection mode when it killed a session's program (137) or the idle one.",
    )
    IMAGE_WITHOUT_SHELL = (
        auto(),
        "The image for this session has no shell.",
        "Connection mode needs `/bin/sh` in the image. Session mode does not, for a shell request without a "
        "`shellCommand`.",
    )
    PROGRAM_START_FAILED = (
        auto(),
        "The program could not be started.",
        "`User`, `WorkingDir` or the shell that is configured is not in the image; the cause is the engine's text. A "
        "command that the shell does not find is no refusal: the shell itself says so, with 127.",
    )
    START_FLOODED = (
        auto(),
        "The program could not be started: something else answered in its place.",
        "What `/bin/sh` in the container said in place of the launcher's line was over 16 KiB, or 1 MiB of errors. "
        "Its user is root there and has put another program in its place, or the image has an odd one. The cause is "
        "how it began.",
    )
    STREAM_FAILED = (
        auto(),
        "The connection to your program was lost.",
        "The engine did not open the program's stream, or the stream broke, and output may be missing: whatever the "
        "program's own status was, it is not told.",
    )
    EXIT_UNKNOWN = (
        auto(),
        "The program ended, but its exit status is not known.",
        "The engine failed to tell it; the cause is its answer.",
    )
    ENGINE_UNAVAILABLE = (
        auto(),
        "Containers are not available at the moment, please try again later.",
        "Nothing answers at `docker.connection.host`, or the connection was lost. `/readyz` says the same; the next "
        "connection is served when the engine is back.",
    )
    ENGINE_TIMED_OUT = (
        auto(),
        "Containers take too long at the moment, please try again later.",
        "A call took longer than its key in `docker.timeouts`, and whether it was carried out is not known; an "
        "overloaded or hanging engine.",
    )
    ENGINE_ACCESS_DENIED = (
        auto(),
        "Containers are not available at the moment, please try again later.",
        "The server's user may not open the engine's socket (is he in the group `docker`?), or TLS failed: the "
        "certificates in `docker.connection`.",
    )
    EXEC_DISABLED = (
        auto(),
        "Commands are not possible here, only shells and subsystems.",
        "`docker.execution.disableCommand` is set.",
    )
    COMMAND_TOO_LONG = (
        auto(),
        "The command is too long: at most 131071 bytes are possible.",
        "Nothing to do: the kernel's limit for one argument.",
    )
    COMMAND_OVER_LIMIT = (
        auto(),
        "The command is longer than this server allows.",
        "`limits.maxCommandLength`.",
    )
    COMMAND_INVALID = (
        auto(),
        "The command contains a NUL byte, or is no text.",
        "Nothing to do.",
    )
    ENV_INVALID = (
        auto(),
        "An environment variable's name is invalid.",
        "Nothing to do: the client sent a name that is empty or has a `=` in it, or a NUL.",
    )
    ENV_TOO_LARGE = (
        auto(),
        "An environment variable is too large: at most 131071 bytes are possible.",
        "Nothing to do: the kernel's limit for `NAME=value`.",
    )
    SUBSYSTEM_UNKNOWN = (
        auto(),
        "This subsystem is not available.",
        "`docker.execution.subsystems`, if it should be.",
    )
    SFTP_ONLY = (
        auto(),
        "This key is for sftp only.",
        'The key\'s line has `command="internal-sftp"`: it opens no shell and runs no command.',
    )
    SIGNAL_UNKNOWN = (
        auto(),
        "This signal is not known.",
        "Nothing to do. An SSH client hears of it only if it asks for an answer, which hardly any does.",
    )
    REQUEST_OUT_OF_ORDER = (
        auto(),
        "This request is not possible now.",
        "A client or an embedding program that, say, asks for a terminal after its program started.",
    )
    PROGRAM_ALREADY_STARTED = (
        auto(),
        "This channel already has a program.",
        "As for `REQUEST_OUT_OF_ORDER`: one channel, one program (RFC 4254 §6.5).",
    )
    NOT_AUTHENTICATED = (
        auto(),
        "Sessions need a successful login first.",
        "An embedding program that opens a session before `handshake_success`.",
    )
    CONNECTION_ENDING = (
        auto(),
        "This connection is ending.",
        "Nothing to do: the connection was already going away.",
    )
    TOO_MANY_CONNECTIONS = (
        auto(),
        "The server has too many connections at the moment, please try again later.",
        "`limits.maxConnections`. So many clients are logged in; whoever is not makes room first.",
    )
    TOO_MANY_FROM_ADDRESS = (
        auto(),
        "There are too many connections from your address.",
        "`limits.maxConnectionsPerAddress`.",
    )
    TOO_MANY_STARTUPS = (
        auto(),
        "Too many clients are logging in at the moment, please try again.",
        "`limits.maxStartups`, or `maxConnections`: this client had not logged in and made room for a newer one. Many "
        "of them are a scanner, or a flood.",
    )
    ADDRESS_BANNED = (
        auto(),
        "Too many failed passwords came from your address, please try again later.",
        "`limits.banAfter`; the address is let in again after some `limits.banDecay`. A restart forgets all bans.",
    )
    HANDSHAKE_TIMED_OUT = (
        auto(),
        "The key exchange took too long.",
        "`limits.handshakeTime`. A port scanner, or a client whose network is gone.",
    )
    LOGIN_TIMED_OUT = (
        auto(),
        "The login took too long.",
        "`limits.loginGraceTime`.",
    )
    LOGIN_NOT_CHECKED = (
        auto(),
        "Logins cannot be checked at the moment, please try again later.",
        "No file descriptor or no memory was left to read the user's authorized keys or the password file with; the "
        "cause says which. `LimitNOFILE` of the unit. It counts as no failed try.",
    )
    TOO_MANY_AUTH_TRIES = (
        auto(),
        "Too many authentication failures",
        "`limits.maxAuthTries`. Often an honest user whose agent offers many keys: `IdentitiesOnly yes` helps him.",
    )
    TOO_MANY_CHANNELS = (
        auto(),
        "Too many sessions are open on this connection.",
        "`limits.maxSessions`: none of them ended within `limits.sessionWait`, or too many wait already. OpenSSH's "
        "client, refused one by its `ControlMaster`, runs the command on a connection of its own, and so in another "
        "container.",
    )
    TOO_MANY_SESSIONS = (
        auto(),
        "You have too many sessions open.",
        "`limits.maxSessionsPerUser`: none of them ended within `limits.sessionWait`, or too many wait already.",
    )
    OUTPUT_CUT = (
        auto(),
        "What the program left running was ended, and its output cut.",
        "`docker.execution.lingerTime` was over, and something that the program started still held its stdout or "
        "stderr. The program's own exit status is told.",
    )
    TOO_MANY_CONTAINERS = (
        auto(),
        "You have too many containers.",
        "`limits.maxContainersPerUser`. A connection's container counts until it is removed, so that one who comes "
        "back at once may be one too many.",
    )
    SESSION_IDLE = (
        auto(),
        "Nothing was typed or printed for too long.",
        "`limits.idleTimeout`. Also a connection on which no session was open for so long.",
    )
    SESSION_TIME_OVER = (
        auto(),
        "The time for this session is over.",
        "`limits.sessionTimeout`.",
    )
    INTERNAL_ERROR = (
        auto(),
        "Something went wrong inside the server.",
        "A bug. The log has an `actor_failed` line with the traceback; please report it.",
    )
    REQUEST_REFUSED = (
        auto(),
        "",
        "Nothing to do: a second program or terminal on one channel, a terminal that the key does not permit, a break. "
        "The client is told in the protocol's own terms.",
    )
    FORWARDING_REFUSED = (
        auto(),
        "",
        "A client asked for a forwarding, which [sshore does not do](sessions.md#forwarding). The client is told in "
        "the protocol's own terms.",
    )
    ENVIRONMENT_FULL = (
        auto(),
        "",
        "`limits.maxEnv`, `limits.maxEnvSize` or one of `limits.maxMemory…`: a client set more variables, and the "
        "protocol's answer was a failure.",
    )
    OUTPUT_LOST = (
        auto(),
        "",
        "A client had stopped reading when its program ended, and one of `limits.maxMemory…` had no room for what the "
        "engine still held, which it drops two seconds later.",
    )
    CLIENT_GONE = (
        auto(),
        "",
        "`limits.clientAliveCountMax`: a client did not answer so many keepalives.",
    )
    ENGINE_NOT_FOUND = (
        auto(),
        "",
        "The container, exec, image or network does not exist (404): somebody removed it, or it never was there. The "
        "cause names it.",
    )
    ENGINE_CONFLICT = (
        auto(),
        "",
        "The name is taken, or the container's state forbids the call (409): paused, restarting, or ended meanwhile.",
    )
    ENGINE_REFUSED = (
        auto(),
        "",
        "The engine understood and refused the call (400, 401, 403, 501 and other 4xx). The cause says what it did not "
        "like: mostly a setting in `docker.execution`.",
    )
    ENGINE_FAULT = (
        auto(),
        "",
        "The engine failed inside (5xx), or gave an answer that makes no sense. Its own log knows more.",
    )
