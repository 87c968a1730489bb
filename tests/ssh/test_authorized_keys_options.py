import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sshore.ssh.key_options import KeyOptionError, KeyOptions, parse_key_options

NOW = datetime(2030, 6, 15, 12, 0, tzinfo=UTC)


def permits_pty(text: str) -> bool:
    return parse_key_options(text).permissions.pty


def test_no_options_restrict_nothing() -> None:
    assert parse_key_options("") == KeyOptions()


def test_a_command_may_hold_escaped_quotes_commas_and_backslashes() -> None:
    options = parse_key_options(r'command="echo \"a, b\" \n c\d",no-pty')
    assert options.permissions.command == r'echo "a, b" \n c\d'
    assert not options.permissions.pty


def test_an_empty_command_is_still_a_command() -> None:
    assert parse_key_options('command=""').permissions.command == ""


def test_names_of_options_are_in_any_case() -> None:
    options = parse_key_options('NO-PTY,Command="x",no-X11-Forwarding')
    assert (options.permissions.pty, options.permissions.command) == (False, "x")


@pytest.mark.parametrize(
    ("text", "pty"),
    [("no-pty", False), ("restrict", False), ("restrict,pty", True), ("pty,restrict", False), ("pty", True)],
)
def test_a_later_flag_overrides_an_earlier_one(text: str, pty: bool) -> None:
    assert permits_pty(text) is pty


def test_features_that_do_not_exist_here_may_be_switched_off() -> None:
    assert permits_pty("no-agent-forwarding,no-port-forwarding,no-X11-forwarding,no-user-rc")


def test_the_first_value_of_a_variable_counts() -> None:
    options = parse_key_options('environment="A=1",environment="B=x=y",environment="A=2"')
    assert dict(options.permissions.environment) == {"A": "1", "B": "x=y"}


def test_the_environment_cannot_be_changed_afterwards() -> None:
    environment = parse_key_options('environment="A=1"').permissions.environment
    with pytest.raises(TypeError):
        environment["A"] = "2"  # type: ignore[index]  # that it cannot be assigned is what is tested


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('permitopen="host:22"', "permitopen"),
        ('permitlisten="22"', "permitlisten"),
        ('tunnel="0"', "tunnel"),
        ('principals="a"', "principals"),
        ("cert-authority", "cert-authority"),
        ("no-touch-required", "no-touch-required"),
        ("verify-required", "verify-required"),
        ("no-restrict", "no-restrict"),
        ("unheard-of", "unheard-of"),
        ('no-pty="yes"', "no-pty"),
        ("command", "command"),
        ("command=x", "command"),
        ('command="ends in an escaped quote \\\\"', "command"),
        ('command="x', "command"),
        ('command="x\\"', "command"),
        ('command="x"y', "command"),
        ('command="a",command="b"', "command"),
        ('from="a",from="b"', "from"),
        ('from="10.0.0.1/8"', "from"),
        ('from=""', "from"),
        ('environment="A"', "environment"),
        ('environment="=x"', "environment"),
        ('environment="A-B=x"', "environment"),
        ('expiry-time="2030"', "expiry-time"),
        ('expiry-time="20300230"', "expiry-time"),
        ('expiry-time="00000101"', "expiry-time"),
        ("no-pty,", "no-pty"),
        (",no-pty", "malformed"),
        ("no-pty,,pty", "malformed"),
        ("no_pty", "no_pty"),
    ],
)
def test_what_cannot_be_honoured_refuses_the_key_and_names_the_option(text: str, named: str) -> None:
    with pytest.raises(KeyOptionError, match=named):
        parse_key_options(text)


def test_a_refusal_never_shows_a_value() -> None:
    for text in ('unknown="s3cret"', 'command="s3cret', 'environment="s3cret"', 'expiry-time="s3cret"'):
        with pytest.raises(KeyOptionError) as caught:
            parse_key_options(text)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expires"),
    [
        ("20300615Z", datetime(2030, 6, 15, tzinfo=UTC)),
        ("203006151201z", datetime(2030, 6, 15, 12, 1, tzinfo=UTC)),
        ("20300615120102Z", datetime(2030, 6, 15, 12, 1, 2, tzinfo=UTC)),
        ("20300615", datetime(2030, 6, 15).astimezone()),
        ("203006151201", datetime(2030, 6, 15, 12, 1).astimezone()),
    ],
)
def test_a_key_expires_at_the_moment_given(text: str, expires: datetime) -> None:
    options = parse_key_options(f'expiry-time="{text}"')
    assert options.expires == expires
    assert options.refusal("127.0.0.1", expires) is None
    assert options.refusal("127.0.0.1", expires + timedelta(seconds=1)) == "the key has expired"


def test_the_earlier_of_two_expiries_counts() -> None:
    options = parse_key_options('expiry-time="20310101Z",expiry-time="20300101Z",expiry-time="20320101Z"')
    assert options.expires == datetime(2030, 1, 1, tzinfo=UTC)


def test_a_key_is_bound_to_its_addresses() -> None:
    options = parse_key_options('from="10.0.0.0/8"')
    assert options.refusal("10.1.2.3", NOW) is None
    assert options.refusal("11.1.2.3", NOW) == "the key may not be used from this address"


@given(st.text(alphabet='abc-=",\\ \t\0é', max_size=60) | st.text(max_size=40))
def test_any_text_is_either_understood_or_refused(text: str) -> None:
    with contextlib.suppress(KeyOptionError):
        parse_key_options(text)
