"""What `make install` takes from an index is what the lock was written with, file by file."""

from __future__ import annotations

import re

import pytest
from support.source_tree import ROOT

LOCKS = ("requirements.lock", "requirements-bench.lock")
PIN = re.compile(r"^([\w.-]+==\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_the_hashes_of_its_files(name: str) -> None:
    text = (ROOT / name).read_text()
    pins = dict(PIN.findall(text))
    assert len(pins) == len(re.findall(r"^\w", text, re.MULTILINE)) > 20
    assert [pin for pin, hashes in pins.items() if not hashes] == []


@pytest.mark.parametrize("name", LOCKS)
def test_no_address_is_in_it(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()
