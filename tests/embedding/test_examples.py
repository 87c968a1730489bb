"""The programs of docs/embedding.md, run as they stand there, in both modes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from support.documents import page

SECONDS = 40.0
SAID_BY_A_STREAM = "hello\nfrom stdin\nexit status 7\nrequests counted: True, failures: 0\n"
SAID_OVER_SSH = "out\n err\n 7\nrequests counted: True, failures: 0\n"


@pytest.mark.engine
@pytest.mark.parametrize("mode", ["connection", "session"])
@pytest.mark.parametrize(("number", "expected"), [(0, SAID_BY_A_STREAM), (1, SAID_OVER_SSH)])
async def test_an_example_says_what_the_page_says(
    number: int, expected: str, mode: str, mini_image: str, engine_host: str, tmp_path: Path
) -> None:
    (tmp_path / "sshore.yaml").write_text(
        f"docker: {{connection: {{host: '{engine_host}'}},"
        f" execution: {{mode: {mode}, container: {{Image: '{mini_image}'}}}}}}"
    )
    (tmp_path / "program.py").write_text(page("docs/embedding.md").blocks("python")[number])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "program.py",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await asyncio.wait_for(process.communicate(), SECONDS)
    assert (process.returncode, said.decode()) == (0, expected), errors.decode()
