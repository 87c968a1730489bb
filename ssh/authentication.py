"""Authentication of sshore's own listener: public keys and passwords from files.

An embedding program has its own authentication and needs nothing of this. A refusal looks the same whatever
its reason: a name that is not allowed, a user without a file, a file that others may write, a key that is not
listed. asyncssh hears yes or no (`validate_public_key`) and never sees a key's options, so it applies none of
them itself: they are in `permissions`, for whoever starts programs.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import structlog

from ..config.listen import host_and_port
from .algorithms import accept_sound_signatures_only
from .any_password import PasswordsAsSent
from .authorized_keys import AuthorizedKeys, KeyFilePattern
from .key_options import UNRESTRICTED, KeyPermissions
from .password_checks import PasswordChecks
from .passwords import PasswordFile
from .sources import source_of
from .strict_modes import ExhaustedError, UnsafeFileError
from .usernames import is_valid_username, secret_fraction, shortened_name

_log = structlog.get_logger(__name__)
# What a look-up in a file takes, with room to spare, and what the loop's timer is off by, several times.
_REFUSAL_SECONDS = 0.010
_REFUSAL_SPREAD_SECONDS = 0.005
_KEY_FILES_AT_ONCE = 8


class Workers:
    """Threads for what blocks in a login; nothing else that may be slow has any of them."""

    def __init__(self) -> None:
        self.key_files = ThreadPoolExecutor(_KEY_FILES_AT_ONCE, thread_name_prefix="sshore-keys")
        self.passwords = PasswordChecks()

    def close(self) -> None:
        """End the threads once they have finished what they are at; waiting attempts are dropped."""
        self.key_files.shutdown(wait=False, cancel_futures=True)
        self.passwords.close()


class Credentials:
    """The files that the listener authenticates with: made once, shared by every connection."""

    def __init__(self, authorized_keys: str | None, passwords: Path | None, workers: Workers | None = None) -> None:
        """Take the pattern of the authorized-keys files and the password file; None switches a method off.

        `workers` are those of earlier credentials, which may still be asked. Raises ValueError for a bad pattern,
        PasswordFileError for a password file that cannot be used.
        """
        self.workers = workers or Workers()
        self.key_files = None if authorized_keys is None else KeyFilePattern(authorized_keys)
        self.passwords = None if passwords is None else PasswordFile(passwords, self.workers.passwords)

    async def keys_of(self, username: str) -> AuthorizedKeys | None:
        """The user's authorized keys, None if there are none to use. Called in the loop; raises ExhaustedError."""
        if self.key_files is None or not is_valid_username(username):
            return None
        path = self.key_files.path(username)
        try:
            loop, base = asyncio.get_running_loop(), self.key_files.base
            return await loop.run_in_executor(self.workers.key_files, AuthorizedKeys.read, path, base)
        except FileNotFoundError:
            return None
        except ExhaustedError as error:
            _log.error("login_not_checked", user=shortened_name(username), reason=str(error))
            raise
        except (UnsafeFileError, OSError) as error:
            _log.warning("authorized_keys_unusable", file=str(path), user=username, reason=str(error))
            return None

    def close(self) -> None:
        """Release the threads."""
        self.workers.close()


class FileAuthentication(asyncssh.SSHServer):
    """A mixin that goes in front of the server class of a connection: `class Ours(FileAuthentication, Base)`.

    Used in the loop only. Leaves `begin_auth` and `auth_completed` to the base class.
    """

    _passwords: PasswordsAsSent

    def __init__(self, credentials: Credentials, *args: Any, **kwargs: Any) -> None:
        """The other arguments go to the next class."""
        super().__init__(*args, **kwargs)
        self._credentials = credentials
        self._client = ""
        self._client_address = ""
        self._granted: KeyPermissions | None = None
        self._keys: tuple[str, AuthorizedKeys | None] | None = None

    @property
    def permissions(self) -> KeyPermissions:
        """What the login that succeeded permits, from `auth_completed` on. RuntimeError: none can have succeeded.

        A client tries keys without signing (RFC 4252, 7), and each try goes to `validate_public_key`, as does
        the signed request that ends it. asyncssh goes from that last answer to success without yielding, and
        cancels the request before when another comes: so the last answer is the one that counts.
        """
        if self._granted is None:
            raise RuntimeError("no authentication has succeeded")
        return self._granted

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember where the client is, for `from=`."""
        peer = conn.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._client, self._client_address = host_and_port(peer[0], peer[1]), peer[0]
        super().connection_made(conn)
        self._passwords = PasswordsAsSent(conn)

    def public_key_auth_supported(self) -> bool:
        """Whether the operator configured authorized keys, for any user name."""
        return self._credentials.key_files is not None

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the key, offered or used, is one of the user's. Raises ExhaustedError."""
        began = asyncio.get_running_loop().time()
        accept_sound_signatures_only(key)
        keys = await self._keys_of(username)
        now = datetime.now(UTC)
        granted = None if keys is None else keys.permissions(key.public_data, self._client_address, now)
        return await self._conclude(granted, began, username, "publickey")

    def password_auth_supported(self) -> bool:
        """Whether the operator configured passwords, for any user name."""
        return self._credentials.passwords is not None

    async def validate_password(self, username: str, password: str) -> bool:
        """Whether the password is the user's; it restricts nothing. Keyboard-interactive comes here too.

        Raises ExhaustedError.
        """
        began = asyncio.get_running_loop().time()
        passwords = self._credentials.passwords
        source = source_of(self._client_address)
        sent = self._passwords.sent(password)
        correct = passwords is not None and await passwords.verify(username, sent, source)
        return await self._conclude(UNRESTRICTED if correct else None, began, username, "password")

    async def _keys_of(self, username: str) -> AuthorizedKeys | None:
        """Read once per connection and user: clients offer several keys, a faulty line is logged once."""
        if self._keys is None or self._keys[0] != username:
            self._keys = (username, await self._credentials.keys_of(username))
        return self._keys[1]

    async def _conclude(self, granted: KeyPermissions | None, began: float, username: str, method: str) -> bool:
        self._granted = granted
        if granted is None:
            _log.info("auth_refused", user=shortened_name(username), method=method, client=self._client)
            await _level_refusal(began, username)
        return granted is not None


async def _level_refusal(began: float, username: str) -> None:
    """Answer at the next step of a doubling scale, the name's own, so that time does not tell why, as sshd does."""
    elapsed = asyncio.get_running_loop().time() - began
    step = _REFUSAL_SECONDS + _REFUSAL_SPREAD_SECONDS * secret_fraction(username)
    while step < elapsed:
        step *= 2
    await asyncio.sleep(step - elapsed)
