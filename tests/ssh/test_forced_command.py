"""A key with `command=` runs that command, whatever its owner sends along."""

from __future__ import annotations

from pathlib import Path

import pytest
from sshore.ssh.key_options import KeyPermissions
from support.open_door import logged_in

FORCED = KeyPermissions(command="env", environment={"TEAM": "blue"})


@pytest.mark.engine
@pytest.mark.parametrize("name", ["ENV", "BASH_ENV"])
async def test_where_commands_are_disabled_no_variable_runs_one(
    name: str, mini_image: str, engine_host: str, state_dir: Path
) -> None:
    execution = f"{{disableCommand: true, container: {{Image: '{mini_image}'}}}}"
    text = f"docker: {{connection: {{host: '{engine_host}'}}, execution: {execution}}}"
    sent = {name: "$(echo run by a variable >&2)", "LANG": "C.UTF-8"}
    async with logged_in(text, state_dir) as connection:
        said = await connection.run(None, env=sent, input="echo $LANG; exit\n", term_type="dumb")
    assert "run by a variable" not in str(said.stdout)
    assert "C.UTF-8" in str(said.stdout)


@pytest.mark.engine
async def test_a_forced_command_sees_no_variable_that_could_make_it_another(
    mini_image: str, engine_host: str, state_dir: Path
) -> None:
    sent = {"SHELLOPTS": "xtrace", "PS4": "$(id)", "PATH": "/evil", "TEAM": "red", "LANG": "C.UTF-8", "LC_TIME": "C"}
    text = f"docker: {{connection: {{host: '{engine_host}'}}, execution: {{container: {{Image: '{mini_image}'}}}}}}"
    async with logged_in(text, state_dir, permits=FORCED) as connection:
        said = await connection.run("sh -c id", env=sent)
    seen = dict(line.split("=", 1) for line in str(said.stdout).splitlines())
    assert not {"SHELLOPTS", "PS4"} & seen.keys()
    assert seen["PATH"] != "/evil"
    assert (seen["TEAM"], seen["LANG"], seen["LC_TIME"]) == ("blue", "C.UTF-8", "C")
    assert seen["SSH_ORIGINAL_COMMAND"] == "sh -c id"
