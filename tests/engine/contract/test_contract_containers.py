"""What every engine promises about containers."""

import pytest
from sshore.engine.control_shell import GUARD_SHELL
from sshore.engine.errors import Conflict, NotFound
from sshore.engine.types import ContainerDied, ContainerGone, ContainerSpec, ProgramEnded

T = 20.0


def test_ping_tells_the_versions(bench):
    info = bench.engine.ping(timeout=T)
    assert info.version
    assert [int(part) for part in info.api_version.split(".")] >= [1, 24]


def test_a_container_is_created_started_killed_and_removed(bench):
    container = bench.container("sleep", "1000", name="contract-life", host={"AutoRemove": False})
    state = bench.engine.inspect_container(container, timeout=T)
    assert (state.id, state.name, state.running) == (container, "contract-life", False)
    # An engine calls it 0, as if it had ended well.
    assert state.exit_code is None
    bench.engine.start_container(container, timeout=T)
    state = bench.engine.inspect_container("contract-life", timeout=T)
    assert (state.running, state.exit_code) == (True, None)
    bench.engine.remove_container(container, timeout=T)
    with pytest.raises(NotFound):
        bench.engine.inspect_container(container, timeout=T)


def test_starting_a_running_container_again_does_nothing(bench):
    container, _ = bench.idle()
    bench.engine.start_container(container, timeout=T)
    assert bench.engine.inspect_container(container, timeout=T).running


def test_a_container_that_was_never_started_is_removed_too(bench):
    container = bench.container("sleep", "1000")
    bench.engine.remove_container(container, timeout=T)
    bench.wait_gone(container)


def test_letting_go_of_the_control_input_removes_the_container(bench, events):
    container, control = bench.idle()
    control.close()
    control.close()
    events.wait_for(container, ContainerDied)
    events.wait_for(container, ContainerGone)
    bench.wait_gone(container)


def test_an_end_that_leaves_its_container_keeps_the_exit_code(bench, events):
    container = bench.container("/bin/sh", "-c", "exit 5", host={"AutoRemove": False})
    bench.engine.start_container(container, timeout=T)
    assert events.wait_for(container, ContainerDied) == ContainerDied(5, oom=False)
    state = bench.engine.inspect_container(container, timeout=T)
    assert (state.running, state.exit_code, state.oom_killed) == (False, 5, False)


def test_a_kill_reaches_the_main_program(bench, events):
    container = bench.container("sleep", "1000", host={"AutoRemove": False})
    bench.engine.start_container(container, timeout=T)
    bench.engine.kill_container(container, "KILL", timeout=T)
    assert events.wait_for(container, ContainerDied).exit_code == 137


def test_a_guard_that_loses_its_input_ends_the_container(bench, events):
    container = bench.container("sleep", "1000")
    bench.engine.start_container(container, timeout=T)
    guard = bench.exec(container, "/bin/sh", "-c", GUARD_SHELL, user="0")
    control = bench.engine.start_control(guard, timeout=T)
    control.close()
    events.wait_for(container, ContainerGone)
    bench.wait_gone(container)


async def test_a_container_that_dies_ends_what_was_run_in_it(bench, events):
    container, _ = bench.idle()
    exec_id, _, recorder = await bench.shell(container, "echo up; sleep 1000")
    await recorder.until_stdout(b"up\n")
    bench.engine.remove_container(container, timeout=T)
    await recorder.until_ended()
    assert events.wait_for(exec_id, ProgramEnded).exit_code == 137


def test_unknown_names_are_not_found(bench):
    for call in (
        lambda: bench.engine.inspect_container("contract-nobody", timeout=T),
        lambda: bench.engine.start_container("contract-nobody", timeout=T),
        lambda: bench.engine.remove_container("contract-nobody", timeout=T),
        lambda: bench.engine.kill_container("contract-nobody", "TERM", timeout=T),
        lambda: bench.engine.resize_container("contract-nobody", 80, 24, timeout=T),
        lambda: bench.engine.rename_container("contract-nobody", "contract-somebody", timeout=T),
        lambda: bench.exec("contract-nobody", "true"),
        lambda: bench.engine.attach_control("contract-nobody", timeout=T),
        lambda: bench.engine.inspect_image("sshore/nothing:none", timeout=T),
    ):
        with pytest.raises(NotFound) as caught:
            call()
        assert caught.value.permanent


def test_an_absent_image_is_not_found(bench):
    spec = ContainerSpec("contract-absent", {"Image": "sshore/nothing:none", "Labels": bench.labels})
    with pytest.raises(NotFound):
        bench.engine.create_container(spec, timeout=T)


def test_a_present_image_tells_its_user(bench):
    assert bench.engine.inspect_image(bench.image, timeout=T).user == ""


def test_a_taken_name_is_a_conflict(bench):
    bench.container("sleep", "1000", name="contract-taken")
    with pytest.raises(Conflict):
        bench.container("sleep", "1000", name="contract-taken")


def test_a_running_container_gets_another_name_and_keeps_its_labels(bench):
    container, _ = bench.idle()
    bench.engine.rename_container(container, "contract-renamed", timeout=T)
    assert bench.engine.inspect_container("contract-renamed", timeout=T).id == container
    [row] = bench.engine.list_containers(bench.labels, timeout=T)
    assert row.name == "contract-renamed"


def test_a_taken_name_is_a_conflict_for_whoever_is_to_have_it(bench):
    bench.container("sleep", "1000", name="contract-taken")
    other = bench.container("sleep", "1000", name="contract-other")
    with pytest.raises(Conflict):
        bench.engine.rename_container(other, "contract-taken", timeout=T)
    assert bench.engine.inspect_container(other, timeout=T).name == "contract-other"


def test_what_needs_a_running_container_is_a_conflict_without_one(bench):
    container = bench.container("sleep", "1000")
    with pytest.raises(Conflict):
        bench.exec(container, "true")
    with pytest.raises(Conflict):
        bench.engine.kill_container(container, "TERM", timeout=T)
    with pytest.raises(Conflict):
        bench.engine.resize_container(container, 80, 24, timeout=T)


def test_containers_are_listed_by_their_labels(bench):
    labels = {**bench.labels, "sshore-contract-color": "red"}
    red = bench.container("sleep", "1000", Labels=labels)
    plain = bench.container("sleep", "1000")
    listed = bench.engine.list_containers(bench.labels, timeout=T)
    assert {row.id for row in listed} == {red, plain}
    (row,) = bench.engine.list_containers({**bench.labels, "sshore-contract-color": ""}, timeout=T)
    assert (row.id, row.state) == (red, "created")
    # podman has several names for one image and tells the first.
    assert row.image.removeprefix("localhost/") == bench.image
    assert labels.items() <= row.labels.items()
    assert row.name.startswith("contract-")
    assert row.created > 1_600_000_000
    assert bench.engine.list_containers({**labels, "sshore-contract-color": "blue"}, timeout=T) == []


def test_a_container_on_a_network_that_is_not_there_does_not_start(bench):
    with pytest.raises(NotFound):
        bench.engine.start_container(_container_on_no_network(bench), timeout=T)


def _container_on_no_network(bench):
    """Docker creates it, podman refuses that."""
    return bench.container("sleep", "1000", host={"NetworkMode": "contract-no-network"})
