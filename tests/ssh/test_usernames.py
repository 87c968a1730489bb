import pytest
from sshore.ssh.usernames import is_valid_username, secret_fraction


@pytest.mark.parametrize("name", ["a", "_", "0", "git", "first.last", "me@example.org", "x-y_z", "a" * 64])
def test_an_ordinary_name_is_valid(name: str) -> None:
    assert is_valid_username(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".ssh", "-o", "@", "../../x", "a/b", "a\\b", "a b", "a\n", "a\0", "a" * 65, "é", "a١", "%u"],
)
def test_a_name_that_could_leave_its_directory_or_hide_is_not(name: str) -> None:
    assert not is_valid_username(name)


def test_a_names_secret_number_stays_and_differs_from_other_names() -> None:
    names = [f"user{number}" for number in range(100)] + ["", "../x", "é", "\udcff"]
    numbers = [secret_fraction(name) for name in names]
    assert numbers == [secret_fraction(name) for name in names]
    assert len(set(numbers)) == len(names)
    assert all(0 <= number < 1 for number in numbers)
    assert min(numbers) < 0.3 < 0.7 < max(numbers)
