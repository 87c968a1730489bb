"""The share of the suite that every run does leaves no pair of values out."""

from __future__ import annotations

import itertools
from collections.abc import Collection

import pytest
from conformance.cells import (
    ALL_CODES,
    AXES,
    CARRIERS,
    CLIENTS,
    IMAGES,
    MODES,
    PLACES,
    TEN_CODES,
    Place,
    all_cells,
    exit_codes_of,
    pairwise,
)
from support.engines import BETWEEN, KINDS

SELECTED = [[value for value in values if value not in BETWEEN] for values in AXES]


def test_the_whole_suite_has_every_combination() -> None:
    assert {cell.values for cell in all_cells()} == set(itertools.product(*AXES))


def test_the_selection_meets_each_pair_of_values_of_two_axes() -> None:
    chosen = [cell.values for cell in pairwise()]
    for one, other in itertools.combinations(range(len(AXES)), 2):
        met = {(values[one], values[other]) for values in chosen}
        assert met == set(itertools.product(SELECTED[one], SELECTED[other]))


def test_the_selection_leaves_out_what_is_neither_the_oldest_nor_the_newest_engine() -> None:
    assert set(BETWEEN) == {"docker-26", "podman-5"}
    assert set(BETWEEN) <= set(KINDS)


def test_the_selection_is_as_small_as_it_can_be_and_starts_few_servers() -> None:
    largest = sorted(map(len, SELECTED))[-2:]
    assert len(pairwise()) == largest[0] * largest[1]
    assert len({cell.place for cell in pairwise()}) == 2 * (len(KINDS) - len(BETWEEN))


@pytest.mark.parametrize("places", [PLACES, {cell.place for cell in pairwise()}], ids=["all", "the selection"])
def test_shells_wait_in_each_image_and_over_each_carrier_at_docker_and_podman(places: Collection[Place]) -> None:
    found = {place for place in places if place.primed and place.mode == "connection"}
    assert {place.image for place in found} == set(IMAGES)
    assert {place.carrier for place in found} == set(CARRIERS)
    assert {place.engine.startswith("podman") for place in found} == {True, False}
    assert {place for place in places if place.mode == "connection"} - found


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_at_each_place_every_exit_code_is_looked_at(place: Place) -> None:
    assert {code for cell in all_cells() if cell.place == place for code in exit_codes_of(cell)} == set(ALL_CODES)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("client", CLIENTS)
def test_in_each_mode_every_client_sees_every_exit_code(client: str, mode: str) -> None:
    cells = [cell for cell in all_cells() if (cell.client, cell.place.mode) == (client, mode)]
    assert {code for cell in cells for code in exit_codes_of(cell)} == set(ALL_CODES)


def test_every_run_looks_at_ten_exit_codes_in_each_cell() -> None:
    assert len(set(TEN_CODES) & set(ALL_CODES)) == 10
