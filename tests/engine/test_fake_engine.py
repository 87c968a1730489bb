"""What the fake engine does beyond the contract: it fails on demand."""

import threading
import time

import pytest
from sshore.engine.control_shell import CONTROL_SHELL, GUARD_SHELL
from sshore.engine.errors import NotFound, Refused, ServerFault, TimedOut, Unavailable
from sshore.engine.fake.containers import FakeImage
from sshore.engine.fake.engine import FAKE_IMAGE, FakeEngine
from sshore.engine.types import ContainerDied, ContainerGone, ContainerSpec, ExecSpec, ProgramEnded
from support.event_log import EventLog
from support.recorder import Recorder

T = 5.0
LABELS = {"sshore.test": "1"}


@pytest.fixture
def fake():
    engine = FakeEngine()
    yield engine
    engine.come_back()
    for container in engine.containers:
        engine.remove_container(container.id, timeout=T)


def create(fake, *argv, name="box", **config):
    body = {"Image": FAKE_IMAGE, "Cmd": argv, "Labels": LABELS, "OpenStdin": True, "StdinOnce": True, **config}
    return fake.create_container(ContainerSpec(name, body), timeout=T)


def idle(fake, name="box"):
    container = create(fake, "/bin/sh", "-c", CONTROL_SHELL, name=name)
    fake.start_container(container, timeout=T)
    return container


async def run(fake, container, script):
    exec_id = fake.create_exec(container, ExecSpec(("/bin/sh", "-c", script)), timeout=T)
    recorder = Recorder()
    stream = await fake.streams.open_exec(exec_id, recorder, tty=False, timeout=T)
    return exec_id, stream, recorder


def test_a_call_fails_as_often_as_it_was_told_to(fake):
    fake.faults.fail("ping", ServerFault, times=2)
    for _ in range(2):
        with pytest.raises(ServerFault) as caught:
            fake.ping(timeout=T)
        assert caught.value.operation == "ping"
    fake.ping(timeout=T)
    assert fake.faults.calls("ping") == 3


def test_a_lost_answer_leaves_what_was_done(fake):
    fake.faults.fail("container_create", TimedOut, carried_out=True)
    with pytest.raises(TimedOut):
        create(fake, "cat")
    assert [container.name for container in fake.containers] == ["box"]


def test_a_call_that_hangs_is_given_up_at_its_deadline(fake):
    release = fake.faults.hang("ping")
    begin = time.monotonic()
    with pytest.raises(TimedOut):
        fake.ping(timeout=0.05)
    assert time.monotonic() - begin < 2
    release()
    fake.ping(timeout=T)


def test_a_call_that_hangs_goes_on_when_released(fake):
    release = fake.faults.hang("ping")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(fake.ping(timeout=T)))
    thread.start()
    release()
    thread.join(T)
    assert len(answers) == 1


async def test_an_opening_that_hangs_is_given_up_at_its_deadline(fake):
    container = idle(fake)
    fake.faults.hang("exec_start")
    exec_id = fake.create_exec(container, ExecSpec(("cat",)), timeout=T)
    with pytest.raises(TimedOut):
        await fake.streams.open_exec(exec_id, Recorder(), tty=False, timeout=0.05)


async def test_a_stream_that_cannot_be_opened_says_why(fake):
    container = idle(fake)
    fake.faults.fail("exec_start", Refused)
    exec_id = fake.create_exec(container, ExecSpec(("cat",)), timeout=T)
    with pytest.raises(Refused):
        await fake.streams.open_exec(exec_id, Recorder(), tty=False, timeout=T)


async def test_an_engine_that_is_away_breaks_and_refuses_everything_until_it_is_back(fake):
    container = idle(fake)
    log = EventLog(fake, LABELS)
    _, _, recorder = await run(fake, container, "echo up; cat")
    await recorder.until_stdout(b"up")
    fake.go_away()
    assert isinstance(await recorder.until_ended(), Unavailable)
    log.close()
    assert isinstance(log.failure, Unavailable)
    with pytest.raises(Unavailable):
        fake.inspect_container(container, timeout=T)
    fake.come_back()
    assert fake.inspect_container(container, timeout=T).running
    assert len(fake.connections) == 0


async def test_dropped_events_leave_no_gap_in_the_stream(fake):
    container = idle(fake)
    log = EventLog(fake, LABELS)
    fake.drop_events()
    _, _, lost = await run(fake, container, "exit 1")
    await lost.until_ended()
    fake.drop_events(False)
    exec_id, _, told = await run(fake, container, "exit 2")
    await told.until_ended()
    assert log.wait_for(exec_id, ProgramEnded).exit_code == 2
    assert len(log.seen) == 1
    log.close()


def test_events_go_to_those_who_asked_for_their_labels(fake):
    mine, others = EventLog(fake, {"sshore.test": ""}), EventLog(fake, {"sshore.test": "2"})
    container = create(fake, "true")
    fake.start_container(container, timeout=T)
    mine.wait_for(container, ContainerDied)
    fake.remove_container(container, timeout=T)
    mine.wait_for(container, ContainerGone)
    assert others.seen == []
    mine.close()
    others.close()


def test_a_pull_brings_the_image_or_the_registrys_error(fake):
    fake.registry["good:1"] = FakeImage(user="somebody")
    fake.registry["bad:latest"] = Refused
    lines = []
    fake.pull_image("good:1", None, None, timeout=T, stall=T, progress=lines.append)
    assert fake.inspect_image("good:1", timeout=T).user == "somebody"
    assert lines
    with pytest.raises(Refused):
        fake.pull_image("bad", None, None, timeout=T, stall=T, progress=lines.append)
    with pytest.raises(NotFound):
        fake.pull_image("unknown", None, None, timeout=T, stall=T, progress=lines.append)


def test_sizes_are_remembered(fake):
    container = idle(fake)
    exec_id = fake.create_exec(container, ExecSpec(("cat",), tty=True), timeout=T)
    fake.resize_container(container, 80, 24, timeout=T)
    fake.resize_exec(exec_id, 132, 43, timeout=T)
    (box,) = fake.containers
    assert (box.sizes, box.execs[exec_id].sizes) == ([(80, 24)], [(132, 43)])


def test_a_guard_ends_its_container(fake):
    container = create(fake, "sleep", "1000", HostConfig={"AutoRemove": True})
    fake.start_container(container, timeout=T)
    (box,) = fake.containers
    guard = fake.create_exec(container, ExecSpec(("/bin/sh", "-c", GUARD_SHELL)), timeout=T)
    fake.start_control(guard, timeout=T).close()
    assert box.gone.wait(T)


async def test_no_thread_is_left_when_its_container_is_gone(fake):
    container = idle(fake)
    _, _, recorder = await run(fake, container, "echo up; sleep 1000")
    await recorder.until_stdout(b"up")
    (box,) = fake.containers
    fake.remove_container(container, timeout=T)
    await recorder.until_ended()
    assert all(process.wait_ended(T) for process in (box.main, *(one.process for one in box.execs.values())))


@pytest.mark.parametrize(
    ("script", "said", "status"),
    [
        ("echo a  'b  c' \"d e\"", b"a b  c d e\n", 0),
        ("FOO=1", b"", 127),
        ("printf 'a\\nb'", b"a\nb", 0),
        ("true && echo yes || echo no", b"yes\n", 0),
        ("false && echo yes || echo no", b"no\n", 0),
        ("false; echo $?", b"1\n", 0),
        ("echo lost >/dev/null; echo kept", b"kept\n", 0),
        ("echo both >&2 2>&1", b"", 0),
        ("exit 300", b"", 44),
        ("kill -9 $$; sleep 9", b"", 137),
        ("nosuch", b"", 127),
        ("echo a | wc -c", b"", 2),
        ("", b"", 0),
        ("# a comment is not known", b"", 127),
    ],
)
async def test_the_shell_knows_a_little(fake, script, said, status):
    exec_id, _, recorder = await run(fake, idle(fake), script)
    await recorder.until_ended()
    assert bytes(recorder.stdout) == said
    assert fake.inspect_exec(exec_id, timeout=T).exit_code == status


async def test_a_test_brings_commands_of_its_own(fake):
    def twice(call):
        call.say(" ".join(call.arguments) * 2)
        return len(call.arguments)

    fake.images[FAKE_IMAGE] = FakeImage(commands={"twice": twice})
    container = create(fake, "/bin/sh", "-c", CONTROL_SHELL)
    fake.start_container(container, timeout=T)
    exec_id = fake.create_exec(container, ExecSpec(("twice", "x")), timeout=T)
    recorder = Recorder()
    await fake.streams.open_exec(exec_id, recorder, tty=False, timeout=T)
    await recorder.until_ended()
    assert bytes(recorder.stdout) == b"xx"
    assert fake.inspect_exec(exec_id, timeout=T).exit_code == 1
