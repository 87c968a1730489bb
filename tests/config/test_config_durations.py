"""Durations, as Go writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshore.config.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("60s", 60.0),
        ("1m30s", 90.0),
        ("500ms", 0.5),
        ("1.5h", 5400.0),
        ("1h2m3s4ms", 3723.004),
        ("1500us", 0.0015),
        ("1500µs", 0.0015),
        ("+.5s", 0.5),
        (60_000_000_000, 60.0),
        (0.25, 0.25),
    ],
)
def test_a_duration_is_read(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("", "60", "s", "60 s", "60S", "1d", "-5s", "0s", "1ns", "800h", "٣s", "1" * 100 + "s"),
        *(0, -1, 60, 10**30, True, None, [], float("nan"), float("inf")),
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="expected a duration such as '60s'"):
        parse_duration(value)


@given(st.integers(min_value=10**6, max_value=int(LONGEST) * 10**9))
def test_every_duration_survives_being_printed_and_read(nanoseconds: int) -> None:
    seconds = parse_duration(nanoseconds)
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.text())
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    try:
        refusal = "" if parse_duration(text) > 0 else "not refused"
    except ValueError as error:
        refusal = str(error)
    assert not refusal or refusal.startswith("expected a duration")
