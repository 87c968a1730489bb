"""Where commands are disabled, an exec request is refused, and shells and subsystems are not."""

from __future__ import annotations

import pytest
from sshore.actors.messages import ContainerWanted, RunExec, RunShell, RunSubsystem
from sshore.actors.refusals import Refused, RefusedError
from sshore.actors.requests import program_for
from sshore.config.models import ExecutionConfig
from sshore.engine.launcher import Argv, Command, LoginShell, Sftp
from support.acts import ExecAct
from support.stage import Stage

DISABLED = ExecutionConfig(disable_command=True, subsystems={"netconf": "/bin/netconf"})


@pytest.mark.parametrize("command", ["id", "", "/bin/sh"])
def test_a_command_is_refused(command: str) -> None:
    with pytest.raises(RefusedError) as caught:
        program_for(RunExec(command), DISABLED)
    assert caught.value.refused.code == "EXEC_DISABLED"
    assert caught.value.refused.status == 255


def test_a_shell_and_a_subsystem_are_not() -> None:
    assert program_for(RunShell(), DISABLED) == LoginShell()
    assert program_for(RunSubsystem("sftp"), DISABLED) == Sftp()
    assert program_for(RunSubsystem("netconf"), DISABLED) == Command("/bin/netconf")
    with_shell = DISABLED.model_copy(update={"shell_command": ["/bin/menu"]})
    assert program_for(RunShell(), with_shell) == Argv(("/bin/menu",))


def test_the_refusal_reaches_the_channel_before_anything_is_made(stage: Stage) -> None:
    act = ExecAct(stage, disableCommand=True)
    act.tell(RunExec("id"))
    assert act.desk.calls.wait_for(Refused).code == "EXEC_DISABLED"
    assert stage.told_parent.of(ContainerWanted) == []
    assert stage.count("sshore_refusals_total", code="EXEC_DISABLED") == 1
