"""FIFOs and their directories, on this machine's own file system."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sshore.engine.launcher import APART, CLOSED, PIPED
from sshore.engine.pipes.budget import GROWN_SIZE, PIPE_SIZE, BudgetSpentError, PipeBudget
from sshore.engine.pipes.directories import MOUNT_POINT, ContainerDirectory, GatewayDirectory, known_uid
from sshore.engine.pipes.fifos import STDERR, STDIN, STDOUT, FifoSet
from sshore.engine.pipes.sharing import ContainerPipes, Sharing


def seen_from_here(fifos: FifoSet, directory: ContainerDirectory, name: str) -> str:
    """Return where the container's path to a FIFO leads on this machine."""
    return f"{directory.path}{fifos.path.removeprefix(MOUNT_POINT)}.{name}"


def open_descriptors() -> set[int]:
    """Return this process's descriptors, without the one of the look itself."""
    listed = [int(name) for name in os.listdir("/proc/self/fd")]
    return {descriptor for descriptor in listed if Path(f"/proc/self/fd/{descriptor}").exists()}


@pytest.fixture
def gateway(tmp_path: Path) -> GatewayDirectory:
    return GatewayDirectory(tmp_path / "pipes", "machine", "me")


def test_bytes_go_both_ways_and_both_ends_are_exact(gateway: GatewayDirectory) -> None:
    directory = gateway.for_container("one")
    fifos = directory.make_set()
    program_in = os.open(seen_from_here(fifos, directory, "in"), os.O_RDONLY)
    program_out = os.open(seen_from_here(fifos, directory, "out"), os.O_WRONLY)
    program_err = os.open(seen_from_here(fifos, directory, "err"), os.O_WRONLY)
    writing, reading = fifos.take(STDIN), fifos.take(STDOUT)
    errors = fifos.take(STDERR)
    fifos.opened()
    assert list(directory.path.iterdir()) == []

    os.write(writing, b"typed")
    os.close(writing)
    assert (os.read(program_in, 100), os.read(program_in, 100)) == (b"typed", b"")
    os.write(program_out, b"said")
    assert os.read(reading, 100) == b"said"
    with pytest.raises(BlockingIOError):
        os.read(reading, 100)
    os.close(program_out)
    os.close(program_err)
    assert (os.read(reading, 100), os.read(errors, 100)) == (b"", b"")
    for descriptor in (program_in, reading, errors):
        os.close(descriptor)
    fifos.close()


def test_nobody_but_the_gateway_gets_in_and_who_is_in_cannot_look_round(gateway: GatewayDirectory) -> None:
    directory = gateway.for_container("one")
    fifos = directory.make_set(owner=1234)
    modes = {path.name.rpartition(".")[2]: path.stat() for path in directory.path.iterdir()}

    assert stat.S_IMODE(directory.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o711
    assert set(modes) == {"in", "out", "err"}
    assert {(found.st_uid, stat.S_IMODE(found.st_mode)) for found in modes.values()} == {(1234, 0o600)}
    fifos.close()
    assert list(directory.path.iterdir()) == []


def test_no_descriptor_is_left_and_none_is_inherited(gateway: GatewayDirectory) -> None:
    directory = gateway.for_container("one")
    before = open_descriptors()
    fifos = directory.make_set()
    assert {os.get_inheritable(descriptor) for descriptor in open_descriptors() - before} == {False}

    fifos.close()
    fifos.close()
    assert open_descriptors() == before


def test_a_share_that_is_used_up_makes_no_set_and_a_closed_one_gives_back(tmp_path: Path) -> None:
    budget = PipeBudget(8 * PIPE_SIZE)
    directory = ContainerDirectory(tmp_path / "one", budget)
    first = directory.make_set()
    with pytest.raises(BudgetSpentError, match="memory") as refused:
        directory.make_set()
    assert refused.value.errno == errno.ENOSPC
    first.close()
    directory.make_set().close()
    assert budget.left == 8


def test_whoever_comes_first_leaves_pipes_for_those_who_come_later() -> None:
    budget = PipeBudget()
    taken = {user: sum(budget.take(user, 3) for _ in range(90)) for user in ("first", "second", "third")}
    assert taken == {"first": 42, "second": 21, "third": 11}
    assert budget.take("fourth", 3)
    for user, sessions in taken.items():
        budget.give_back(user, 3 * sessions)
    budget.give_back("fourth", 3)
    assert sum(budget.take("first", 3) for _ in range(90)) == 42


def test_a_pipe_grows_within_the_budget_and_comes_back() -> None:
    whole = PipeBudget(6 * PIPE_SIZE)
    budget = whole.share_of("somebody")
    reading, writing = os.pipe()
    assert budget.grow(reading)
    assert whole.left == 3
    assert not budget.grow(writing)
    os.set_blocking(writing, False)
    assert os.write(writing, bytes(GROWN_SIZE)) == GROWN_SIZE
    assert not budget.shrink(reading)
    os.read(reading, GROWN_SIZE)
    assert budget.shrink(reading)
    assert whole.left == 6
    os.close(reading)
    os.close(writing)


def test_a_sweep_takes_the_directories_of_the_dead(gateway: GatewayDirectory) -> None:
    base = gateway.for_container("kept").path.parent.parent
    GatewayDirectory(base, "machine", "dead").for_container("left")
    GatewayDirectory(base, "machine", "alive").for_container("one")
    GatewayDirectory(base, "elsewhere", "dead").for_container("one")
    (base / "foreign").mkdir()

    gateway.sweep(lambda other: other == "dead")
    assert {path.name for path in base.iterdir()} == {"machine.me", "machine.alive", "elsewhere.dead", "foreign"}
    assert [path.name for path in (base / "machine.me").iterdir()] == ["kept"]
    gateway.close()
    assert not (base / "machine.me").exists()


@pytest.mark.parametrize(
    ("user", "uid"), [("", 0), ("root", 0), ("0:5", 0), ("1000:1000", 1000), ("app", None), ("app:5", None)]
)
def test_a_uid_is_known_where_it_is_said(user: str, uid: int | None) -> None:
    assert known_uid(user) == uid


@pytest.mark.parametrize(
    ("said", "lost", "owner"),
    [
        ([PIPED, CLOSED, APART, CLOSED], False, 1000),
        ([CLOSED, PIPED, APART], False, None),
        ([CLOSED, CLOSED], True, None),
        ([APART, PIPED], True, 1000),
    ],
)
def test_once_one_launcher_uses_pipes_who_says_otherwise_speaks_for_himself(
    tmp_path: Path, said: list[str], lost: bool, owner: int | None
) -> None:
    causes: list[str] = []
    sharing = Sharing(tmp_path, "machine", "me", causes.append)
    for word in said:
        sharing.launcher_said(word)
    assert (sharing.is_lost, len(causes), sharing.owner_of("1000")) == (lost, int(lost), owner)


@pytest.mark.parametrize(
    ("starts", "believed"),
    [([True], True), ([False], False), ([True, True], False), ([False, True], False), ([True, False], False)],
)
def test_only_what_runs_before_any_users_program_speaks_for_the_gateway(
    tmp_path: Path, starts: list[bool], believed: bool
) -> None:
    causes: list[str] = []
    sharing = Sharing(tmp_path, "machine", "me", causes.append)
    pipes, other = sharing.for_container("one", must=False), sharing.for_container("other", must=False)
    assert pipes
    assert other
    for plain in starts:
        pipes.program_starts(plain=plain)
    with closing(made(pipes)) as fifos:
        fifos.told(APART)
    assert (sharing.is_lost, len(causes)) == (believed, int(believed))
    assert pipes.make_set("") is None, "its own container needs none in any case"
    assert pipes.make_order("") is None
    if not believed:
        with closing(made(other)) as fifos:
            fifos.told(CLOSED)
        assert sharing.owner_of("1000") == 1000


def test_a_liar_does_not_prove_pipes_and_an_honest_one_is_not_doubted_for_him(tmp_path: Path) -> None:
    sharing = Sharing(tmp_path, "machine", "me", lambda cause: None)
    liars, honest = sharing.for_container("liars", must=False), sharing.for_container("honest", must=False)
    assert liars
    assert honest
    for said in (PIPED, CLOSED, PIPED):
        liars.program_starts(plain=False)
        if (fifos := liars.make_set("")) is not None:
            fifos.told(said)
            fifos.close()
        assert (sharing.is_proved, sharing.is_lost) == (False, False)
    honest.program_starts(plain=True)
    with closing(made(honest)) as fifos:
        fifos.told(PIPED)
    assert sharing.is_proved
    honest.program_starts(plain=True)
    with closing(made(honest)) as fifos:
        fifos.told(APART)
    made(honest).close()


def made(pipes: ContainerPipes) -> FifoSet:
    fifos = pipes.make_set("")
    assert fifos
    return fifos


@pytest.mark.parametrize(("number", "lost"), [(errno.ENOSPC, False), (errno.EMFILE, False), (errno.EROFS, True)])
def test_a_directory_that_cannot_be_made_now_is_one_containers_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, lost: bool
) -> None:
    def fail(_directory: GatewayDirectory, _name: str) -> None:
        raise OSError(number, "it failed")

    sharing = Sharing(tmp_path, "machine", "me", lambda cause: None)
    monkeypatch.setattr(GatewayDirectory, "for_container", fail)
    assert sharing.for_container("one", must=False) is None
    assert sharing.is_lost is lost
