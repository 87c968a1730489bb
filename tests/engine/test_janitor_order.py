"""A janitor that cannot understand its order ends for good, and says nothing of what it read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sshore.engine.janitor_link as janitor_link
from sshore.engine.address import EngineAddress
from sshore.engine.janitor import NO_ORDER
from sshore.engine.janitor_link import JanitorLink
from sshore.engine.tls import TlsFiles
from structlog import get_logger
from structlog.testing import capture_logs

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
WITH_KEY = {"host": "https://h:1", "cacert": "", "cert": SECRET, "key": SECRET, "gateway": "g", "grace": 1}


@pytest.mark.parametrize(
    "order",
    [
        json.dumps(WITH_KEY),
        json.dumps({**WITH_KEY, "host": f"ftp://{SECRET}"}),
        json.dumps({"key": SECRET}),
        json.dumps(SECRET),
        f"{{{SECRET}",
        f"\xff{SECRET}",
    ],
)
def test_it_says_where_and_no_more(order: str) -> None:
    argv = [sys.executable, "-I", "-S", "-c", janitor_link._LAUNCH, str(janitor_link._PACKAGE)]
    done = subprocess.run(argv, input=f"{order}\n".encode("latin-1"), capture_output=True, timeout=30, check=False)
    assert done.returncode == NO_ORDER
    said = done.stderr.decode()
    assert said.startswith("sshore janitor: ")
    assert len(said.splitlines()) == 1
    assert SECRET not in said


def test_it_is_not_started_again_and_claims_hold_nobody_up(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("ca", "cert", "key")]
    for file in files:
        file.write_text(SECRET)
    address = EngineAddress(host="127.0.0.1", port=1, tls=TlsFiles(*map(str, files)))
    with capture_logs() as logs:
        link = JanitorLink(address, "g", get_logger())
        link._supervisor.join(30)
        assert not link._supervisor.is_alive()
        began = time.monotonic()
        for number in range(1000):
            link.claim(f"box-{number}")
            link.release(f"box-{number}")
        assert time.monotonic() - began < janitor_link._TELL_SECONDS
        link.dismiss()
    assert [entry["event"] for entry in logs] == ["janitor_refused_its_order"]
