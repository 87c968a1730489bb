"""docs/conformance.md says what the conformance suite does."""

from __future__ import annotations

import pytest
from conformance.cells import AXES, all_cells, pairwise
from conformance.clients import CLIENT_CLASSES
from conformance.driver import CANNOT
from support.documents import page

PAGE = page("docs/conformance.md")


def test_the_axes_are_the_suites() -> None:
    rows = PAGE.table("axis", "values")
    assert [row["axis"] for row in rows] == ["mode", "engine", "image", "carrier", "client"]
    assert [tuple(row["values"].replace("`", "").split(", ")) for row in rows] == list(AXES)
    assert f"there are {len(all_cells())}, of which `make test` runs {len(pairwise())}" in PAGE.text


def test_the_clients_are_the_suites() -> None:
    rows = PAGE.table("client", "what it is", "several sessions on one connection", "sftp")
    assert [row["client"] for row in rows] == list(CLIENT_CLASSES)


def test_what_a_client_cannot_do_is_what_it_is_not_asked_for() -> None:
    rows = PAGE.table("client", "cannot", "because")
    assert {(row["client"], row["cannot"]): row["because"] for row in rows} == CANNOT


@pytest.mark.parametrize(("client", "ability"), CANNOT)
def test_only_clients_of_the_suite_are_excused(client: str, ability: str) -> None:
    assert client in CLIENT_CLASSES
