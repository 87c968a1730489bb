"""Metrics and health over real sockets."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sshore.metrics.counters import Metrics
from sshore.metrics.health import readyz_route
from sshore.metrics.http import MOST_CLIENTS, HttpService, Response, Route
from sshore.metrics.monitoring import Monitoring
from sshore.metrics.places import Client, Places
from structlog.testing import capture_logs


async def ask(port: int, request: str | bytes, host: str = "127.0.0.1") -> tuple[int, dict[str, str], str]:
    """Send what is given as it is, read to the end."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request.encode() if isinstance(request, str) else request)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


async def get(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return await ask(port, f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n")


@asynccontextmanager
async def serving(routes: Mapping[str, Route], deadline: float = 10.0) -> AsyncIterator[int]:
    service = HttpService("127.0.0.1", 0, routes, deadline)
    await service.start()
    try:
        yield service.port
    finally:
        await service.stop()


async def is_ready() -> str | None:
    return None


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics()
    made.connection_opened()
    return made


@pytest.fixture
async def port(metrics: Metrics) -> AsyncIterator[int]:
    monitoring = Monitoring()
    monitoring.add_metrics("127.0.0.1:0", "/metrics", metrics.registry)
    monitoring.add_health("127.0.0.1:0", is_ready)
    await monitoring.start()
    assert len(monitoring.services) == 1, "one address, one service"
    yield monitoring.services[0].port
    await monitoring.stop()


async def test_metrics_are_served_as_prometheus_reads_them(port: int) -> None:
    status, headers, body = await get(port, "/metrics?debug=1")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=")
    assert headers["content-length"] == str(len(body))
    samples = {s.name: s.value for family in text_string_to_metric_families(body) for s in family.samples}
    assert samples["sshore_connections_total"] == 1
    assert samples["sshore_connections_current"] == 1


async def test_openmetrics_is_served_to_whoever_asks_for_it(port: int) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2"
    _, headers, body = await get(port, "/metrics", accept=accept)
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith("# EOF\n")


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "text/plain;version=banana",
        "text/plain;version=1.0.0;escaping=banana",
        "application/openmetrics-text;version=1.0.0;escaping=",
        "application/openmetrics-text;version",
        "application/openmetrics-text;version=9.9.9",
        ";;;,,,",
    ],
)
async def test_an_accept_header_that_makes_no_sense_still_gets_metrics(port: int, accept: str) -> None:
    status, _, body = await get(port, "/metrics", accept=accept)
    assert status == 200
    assert "sshore_connections_total 1.0" in body


async def test_health_is_served_on_the_same_address(port: int) -> None:
    assert (await get(port, "/healthz"))[::2] == (200, "ok\n")
    assert (await get(port, "/readyz"))[::2] == (200, "ready\n")


async def test_head_answers_without_a_body(port: int) -> None:
    status, headers, body = await get(port, "/metrics", method="HEAD")
    assert (status, body) == (200, "")
    assert int(headers["content-length"]) > 0


async def test_other_paths_and_methods_are_refused(port: int) -> None:
    assert (await get(port, "/"))[0] == 404
    assert (await get(port, "/metrics/"))[0] == 404
    status, headers, _ = await get(port, "/metrics", method="POST")
    assert (status, headers["allow"]) == (405, "get, head")
    request = "DELETE /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    assert (await ask(port, request))[0] == 405


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("nonsense\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\n\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + "a" * 40_000 + "\r\n\r\n", 431),
        ("GET /" + "a" * 40_000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),
    ],
)
async def test_a_request_that_is_none_or_too_long_is_answered_as_such(
    port: int, request_text: str, status: int
) -> None:
    assert (await ask(port, request_text.encode("latin-1")))[0] == status


async def test_who_does_not_finish_his_request_is_dropped_at_the_deadline() -> None:
    async with serving({}, deadline=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HT")
        assert await dropped(reader)
        writer.close()


async def dropped(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(), 10) == b""
    except ConnectionResetError:
        return True


async def test_who_does_not_read_his_answer_is_dropped_at_the_deadline() -> None:
    asked: asyncio.Future[asyncio.Task[object]] = asyncio.get_running_loop().create_future()

    async def large(headers: Mapping[str, str]) -> Response:
        task = asyncio.current_task()
        assert task is not None
        asked.set_result(task)
        return Response(200, b"x" * 64_000_000)

    async with serving({"/": large}, deadline=0.5) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.wait_for(await asyncio.wait_for(asked, 10), 10)


async def test_a_large_answer_arrives_whole() -> None:
    async def large(headers: Mapping[str, str]) -> Response:
        return Response(200, b"x" * 8_000_000)

    async with serving({"/": large}) as port:
        assert len((await get(port, "/"))[2]) == 8_000_000


async def test_a_route_that_fails_is_a_500_and_the_next_request_is_served() -> None:
    async def broken(headers: Mapping[str, str]) -> Response:
        raise LookupError("secret detail")

    async with serving({"/": broken}) as port:
        with capture_logs() as logs:
            for _ in range(2):
                status, _, body = await get(port, "/")
                assert (status, body) == (500, "internal error\n")
    assert logs[0]["event"] == "http_route_failed"


async def test_not_ready_is_a_503_that_says_why() -> None:
    async def not_ready() -> str | None:
        return "the engine does not answer"

    async def broken() -> str | None:
        raise LookupError("detail")

    async def stuck() -> str | None:
        await asyncio.Event().wait()
        return None

    for check, said in (
        (not_ready, "not ready: the engine does not answer\n"),
        (broken, "not ready: the check itself failed\n"),
        (stuck, "not ready: no answer within 0.1 s\n"),
    ):
        async with serving({"/readyz": readyz_route(check, deadline=0.1)}) as port:
            assert (await get(port, "/readyz"))[::2] == (503, said)


async def test_each_address_has_its_own_service_and_only_its_own_routes(metrics: Metrics) -> None:
    monitoring = Monitoring()
    monitoring.add_metrics("127.0.0.1:0", "/m", metrics.registry)
    monitoring.add_health("[::1]:0", is_ready)
    await monitoring.start()
    try:
        first, second = (service.port for service in monitoring.services)
        assert (await get(first, "/m"))[0] == 200
        assert (await get(first, "/healthz"))[0] == 404
        assert (await ask(second, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", host="::1"))[0] == 200
    finally:
        await monitoring.stop()


async def test_an_address_that_is_taken_leaves_nothing_open(metrics: Metrics) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monitoring = Monitoring()
        monitoring.add_health("[::1]:0", is_ready)
        monitoring.add_metrics(f"127.0.0.1:{taken.getsockname()[1]}", "/metrics", metrics.registry)
        with pytest.raises(OSError, match="in use"):
            await monitoring.start()
        assert monitoring.services[0].port == 0


def test_one_path_cannot_have_two_meanings(metrics: Metrics) -> None:
    monitoring = Monitoring()
    monitoring.add_health("127.0.0.1:9100", is_ready)
    with pytest.raises(ValueError, match="/healthz"):
        monitoring.add_metrics("127.0.0.1:9100", "/healthz", metrics.registry)
    with pytest.raises(ValueError, match="HOST:PORT"):
        monitoring.add_health("somewhere", is_ready)


async def test_stopping_drops_open_connections_and_may_be_done_twice() -> None:
    service = HttpService("127.0.0.1", 0, {})
    await service.stop()
    await service.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"GET / HT")
    await get(service.port, "/")
    await service.stop()
    assert await dropped(reader)
    writer.close()
    await service.stop()


def sockets_at(port: int) -> int:
    """How many connected sockets this process has whose own port this is: those of the service."""
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if not os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(descriptor))) as sock:
                count += sock.family == socket.AF_INET and sock.getpeername() and sock.getsockname()[1] == port
    return count


@asynccontextmanager
async def many_clients(port: int, number: int, sent: bytes) -> AsyncIterator[list[socket.socket]]:
    """So many clients that all send this and read nothing."""
    with ExitStack() as stack:
        clients = []
        for _ in range(number):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
            client.send(sent)
            clients.append(client)
        yield clients


ENDLESS_HEAD = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("sent", [b"", b"GET /readyz HT", ENDLESS_HEAD, ENDLESS_HEAD + b"\r\n"])
async def test_clients_that_never_end_keep_neither_places_nor_others_out(port: int, sent: bytes) -> None:
    with capture_logs() as logs:
        async with many_clients(port, 200, sent):
            assert await asyncio.wait_for(get(port, "/healthz"), 5)
            assert 0 < sockets_at(port) <= MOST_CLIENTS
            assert (await asyncio.wait_for(get(port, "/metrics"), 5))[0] == 200
            assert 0 < sockets_at(port) <= MOST_CLIENTS
    full = [entry for entry in logs if entry["event"] == "http_connections_full"]
    assert [(entry["log_level"], entry["limit"]) for entry in full] == [("warning", MOST_CLIENTS)]


async def test_places_are_never_more_however_fast_clients_come(port: int) -> None:
    most = 0
    async with many_clients(port, 50, b"GET"):
        for _ in range(6):
            burst = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
            for _ in range(30):
                await asyncio.sleep(0)
                most = max(most, sockets_at(port))
            for client in burst:
                client.close()
    assert most <= MOST_CLIENTS + 1, "the newcomer, until the other one has left"


async def test_a_request_that_comes_byte_by_byte_has_no_longer_for_it() -> None:
    loop = asyncio.get_running_loop()
    async with serving({}, deadline=0.5) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = loop.time()
        with suppress(ConnectionError):
            while not reader.at_eof() and loop.time() - began < 10:
                writer.write(b"G")
                await writer.drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.05)
        assert loop.time() - began < 10
        writer.close()


def clients_of(*addresses: str, asked: bool = False) -> list[Client]:
    return [Client(socket.socket(), address, has_asked=asked) for address in addresses]


def test_room_is_made_by_the_group_and_the_address_that_have_the_most() -> None:
    places = Places(5)
    asking, asked = clients_of("a", "b", "b"), clients_of("c", "c", asked=True)
    newcomers = clients_of("d", "e", "f")
    with ExitStack() as stack:
        for client in (*asking, *asked, *newcomers):
            stack.enter_context(client.socket)
        assert [places.add(client) for client in (*asking, *asked)] == [None] * 5
        assert places.add(newcomers[0]) is asking[1], "b has the most, and that one came first"
        newcomers[0].has_asked = True
        assert places.add(newcomers[1]) is asked[0]
        places.discard(newcomers[1])
        places.discard(newcomers[1])
        assert places.add(newcomers[2]) is None
