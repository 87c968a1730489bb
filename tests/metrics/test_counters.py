import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sshore.metrics.counters import Metrics
from sshore.metrics.interface import EngineCounters


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_requests_and_failures_are_counted_as_the_engine_wants() -> None:
    metrics = Metrics()
    counters: EngineCounters = metrics
    counters.requested("container_create")
    counters.requested("container_create")
    counters.failed("container_create", "ENGINE_CONFLICT")
    assert value(metrics, "sshore_backend_requests_total", operation="container_create") == 2
    failures = {"operation": "container_create", "code": "ENGINE_CONFLICT"}
    assert value(metrics, "sshore_backend_failures_total", **failures) == 1


def test_connections_and_handshakes_are_counted_and_the_open_ones_known() -> None:
    metrics = Metrics()
    metrics.connection_opened()
    metrics.connection_opened()
    metrics.connection_closed()
    metrics.handshake(True)
    metrics.handshake(False)
    metrics.handshake(False)
    assert value(metrics, "sshore_connections_total") == 2
    assert value(metrics, "sshore_connections_current") == 1
    assert value(metrics, "sshore_handshakes_total", result="success") == 1
    assert value(metrics, "sshore_handshakes_total", result="failure") == 2


def test_sessions_are_counted_by_kind() -> None:
    metrics = Metrics()
    for kind in ("shell", "exec", "exec", "subsystem"):
        metrics.session_started(kind)
    metrics.session_ended()
    assert value(metrics, "sshore_sessions_total", kind="exec") == 2
    assert value(metrics, "sshore_sessions_current") == 3


def test_an_unknown_kind_or_direction_is_a_mistake_of_the_caller() -> None:
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.session_started("x11")
    with pytest.raises(KeyError):
        metrics.bytes_moved("sideways", 1)
    assert value(metrics, "sshore_sessions_current") == 0


def test_containers_and_programs_are_timed_from_5_ms_to_a_minute() -> None:
    metrics = Metrics()
    metrics.container_started(0.2)
    metrics.container_started(100.0)
    metrics.container_removed()
    metrics.program_started(0.004)
    assert value(metrics, "sshore_containers_current") == 1
    assert value(metrics, "sshore_container_start_seconds_count") == 2
    assert value(metrics, "sshore_container_start_seconds_bucket", le="0.25") == 1
    assert value(metrics, "sshore_container_start_seconds_bucket", le="60.0") == 1
    assert value(metrics, "sshore_program_start_seconds_bucket", le="0.005") == 1


def test_bytes_failures_of_actors_and_refusals_are_counted() -> None:
    metrics = Metrics()
    metrics.bytes_moved("in", 10)
    metrics.bytes_moved("out", 4096)
    metrics.bytes_moved("out", 1)
    metrics.actor_failed("SessionActor")
    metrics.refused("NO_SUCH_SUBSYSTEM")
    assert value(metrics, "sshore_bytes_total", direction="in") == 10
    assert value(metrics, "sshore_bytes_total", direction="out") == 4097
    assert value(metrics, "sshore_actor_failures_total", actor="SessionActor") == 1
    assert value(metrics, "sshore_refusals_total", code="NO_SUCH_SUBSYSTEM") == 1


def test_two_gateways_in_one_process_count_apart_and_a_registry_may_be_given() -> None:
    first, second = Metrics(), Metrics()
    first.connection_opened()
    assert value(second, "sshore_connections_total") == 0
    registry = CollectorRegistry()
    assert Metrics(registry).registry is registry


def test_series_without_open_labels_exist_from_the_start() -> None:
    text = generate_latest(Metrics().registry).decode()
    for series in (
        'sshore_handshakes_total{result="failure"} 0.0',
        'sshore_sessions_total{kind="subsystem"} 0.0',
        'sshore_bytes_total{direction="in"} 0.0',
        "sshore_connections_current 0.0",
    ):
        assert series in text


def test_threads_may_count_at_once() -> None:
    metrics = Metrics()

    def count() -> None:
        for _ in range(1000):
            metrics.requested("ping")
            metrics.bytes_moved("in", 2)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(metrics, "sshore_backend_requests_total", operation="ping") == 8000
    assert value(metrics, "sshore_bytes_total", direction="in") == 16000
