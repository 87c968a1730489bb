"""What OpenSSH's SetEnv and SendEnv bring to a program."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.server import Server, Serving

pytestmark = pytest.mark.engine

SENT = (
    "-oSetEnv=EDITOR=vi LC_TIME=C GIT_AUTHOR_NAME=me SITE=me ENV=/x BASH_ENV=/x IFS=/ SHELLOPTS=xtrace LD_PRELOAD=/x.so"
)


def given_to(server: Server, *options: str) -> dict[str, str]:
    done = server.ssh("env -0", options=[SENT, *options])
    assert (done.returncode, done.stderr) == (0, b"")
    return dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)


@pytest.fixture(scope="module")
def narrow(mode: str, serving: Serving, guest_image: str) -> Iterator[Server]:
    execution = {"mode": mode, "acceptEnv": ["LC_*", "GIT_?UTHOR_*", "ENV", "SITE"]}
    container = {"Image": guest_image, "Env": ["SITE=here"]}
    with serving(execution | {"container": container}, log_level="debug") as started:
        yield started


def test_every_name_but_a_few_is_accepted(server: Server) -> None:
    found = given_to(server)
    assert {name: found.get(name) for name in ("EDITOR", "LC_TIME", "GIT_AUTHOR_NAME", "SITE")} == {
        "EDITOR": "vi",
        "LC_TIME": "C",
        "GIT_AUTHOR_NAME": "me",
        "SITE": "me",
    }
    assert not found.keys() & {"ENV", "BASH_ENV", "IFS", "SHELLOPTS", "LD_PRELOAD"}


def test_patterns_narrow_it_and_the_operators_own_are_his(narrow: Server) -> None:
    found = given_to(narrow)
    assert not found.keys() & {"EDITOR", "ENV", "BASH_ENV"}
    assert {name: found.get(name) for name in ("LC_TIME", "GIT_AUTHOR_NAME", "SITE")} == {
        "LC_TIME": "C",
        "GIT_AUTHOR_NAME": "me",
        "SITE": "here",
    }


def test_what_is_ignored_is_logged_at_debug_only(narrow: Server, server: Server) -> None:
    mark, other = narrow.log_mark(), server.log_mark()
    given_to(narrow)
    assert (
        "BASH_ENV EDITOR ENV IFS LD_PRELOAD SHELLOPTS" in narrow.wait_for_log(r"environment_ignored .*", since=mark)[0]
    )
    given_to(server)
    assert "environment_ignored" not in server.log[other:]


def test_a_terminals_type_needs_no_pattern(mode: str, serving: Serving) -> None:
    with serving({"mode": mode, "acceptEnv": []}) as server:
        found = server.ssh('echo "$TERM|$EDITOR"', options=["-tt", SENT, "-oSendEnv=TERM"])
        assert found.stdout.endswith(b"|\r\n")
        assert len(found.stdout) > 3


async def test_odd_names_do_no_harm(server: Server) -> None:
    """dash, the guest image's `/bin/sh`, keeps names that are none of a shell's from programs."""
    odd = {"A.B": "1", "Ä": "ö", "x y": "3", "q'\"$(touch /tmp/q)": "`touch /tmp/q`", "n\nl": "\x1b[2J"}
    async with server.connect() as connection:
        done = await connection.run("env -0; ls /tmp/q", env=odd | {"well_formed": "$(id)'\"\n\x1b"})
    found = dict(line.split("=", 1) for line in str(done.stdout).split("\0") if line)
    assert found["well_formed"] == "$(id)'\"\n\x1b"
    assert "No such file" in str(done.stderr)
