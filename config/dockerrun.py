"""ContainerSSH's `dockerrun` section (0.3), said in the keys of `docker`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .execution import Mode, PullPolicy
from .models import TimeoutsConfig
from .problems import KeyPath
from .translation import Translation, is_zero

LEGACY_TIMEOUT = "60s"

_CONNECTION_KEYS = ("host", "cacert", "cert", "key")
_KEPT = ("container", "host", "network", "platform", "containername", "subsystems", "disableCommand")
_OLDER_NAMES = {"containerName": "containername"}
_TIMEOUT = "timeout"


def translate_dockerrun(section: Any, at: KeyPath, t: Translation) -> dict[str, Any]:
    """Return the `docker` section for a `dockerrun` section, which stands at `at` in the file.

    As ContainerSSH 0.4 did: one container per session, a pull for each, one timeout for every operation.
    """
    given = _mapping(section, at, t)
    config = _mapping(given.get("config"), (*at, "config"), t)
    _refuse_unknown(given, at, (*_CONNECTION_KEYS, "config"), t)
    _refuse_unknown(config, (*at, "config"), (*_KEPT, *_OLDER_NAMES, _TIMEOUT), t)
    t.note(at, "read as 'docker' in session mode, with the pull policy Always and one timeout for everything")
    return {
        "connection": _picked(given, at, ("docker", "connection"), dict.fromkeys(_CONNECTION_KEYS), t),
        "execution": _execution(config, (*at, "config"), t),
        "timeouts": _timeouts(config, (*at, "config"), t),
    }


def _execution(config: Mapping[str, Any], at: KeyPath, t: Translation) -> dict[str, Any]:
    names = {**dict.fromkeys(_KEPT), **_OLDER_NAMES}
    result = _picked(config, at, ("docker", "execution"), names, t)
    if config.get("disableCommand"):
        message = "commands are refused; subsystems such as sftp are not, which 0.3 refused and 0.4 did not"
        t.note(("docker", "execution", "disableCommand"), message)
    return {**result, "mode": str(Mode.SESSION), "imagePullPolicy": str(PullPolicy.ALWAYS)}


def _timeouts(config: Mapping[str, Any], at: KeyPath, t: Translation) -> dict[str, Any]:
    given = config.get(_TIMEOUT)
    timeout = LEGACY_TIMEOUT if is_zero(given) else given
    for name in TimeoutsConfig.aliases():
        t.moved(("docker", "timeouts", name), (*at, _TIMEOUT))
    return dict.fromkeys(TimeoutsConfig.aliases(), timeout)


def _picked(
    given: Mapping[str, Any], at: KeyPath, to: KeyPath, names: Mapping[str, str | None], t: Translation
) -> dict[str, Any]:
    result = {}
    for old, new in names.items():
        if given.get(old) is not None:
            result[new or old] = given[old]
            t.moved((*to, new or old), (*at, old))
    return result


def _mapping(value: Any, at: KeyPath, t: Translation) -> Mapping[str, Any]:
    if not isinstance(value, Mapping | None):
        t.refuse(at, "expected a mapping")
    return value if isinstance(value, Mapping) else {}


def _refuse_unknown(given: Mapping[str, Any], at: KeyPath, known: tuple[str, ...], t: Translation) -> None:
    for key, value in given.items():
        if key not in known and not is_zero(value):
            t.refuse((*at, key), f"unknown key of ContainerSSH's {'.'.join(map(str, at))}")
