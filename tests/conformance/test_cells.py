"""The share of the suite that every run does leaves no pair of values out."""

from __future__ import annotations

import itertools

from conformance.cells import AXES, all_cells, pairwise


def test_the_whole_suite_has_every_combination() -> None:
    assert {cell.values for cell in all_cells()} == set(itertools.product(*AXES))


def test_the_selection_meets_each_pair_of_values_of_two_axes() -> None:
    chosen = [cell.values for cell in pairwise()]
    for one, other in itertools.combinations(range(len(AXES)), 2):
        met = {(values[one], values[other]) for values in chosen}
        assert met == set(itertools.product(AXES[one], AXES[other]))


def test_the_selection_is_as_small_as_it_can_be_and_starts_few_servers() -> None:
    largest = sorted(map(len, AXES))[-2:]
    assert len(pairwise()) == largest[0] * largest[1]
    assert len({cell.place for cell in pairwise()}) == 8
