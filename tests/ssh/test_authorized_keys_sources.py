import pytest
from sshore.ssh.source_patterns import SourcePatternError, SourcePatterns


@pytest.mark.parametrize(
    ("patterns", "address", "matches"),
    [
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.30", False),
        ("10.0.0.0/8,192.168.1.*", "192.168.1.7", True),
        ("10.0.0.0/8, 192.168.1.*", "192.168.2.7", False),
        ("192.168.?.1", "192.168.7.1", True),
        ("192.168.?.1", "192.168.77.1", False),
        ("*", "10.1.2.3", True),
        ("*,!10.0.0.0/8", "10.1.2.3", False),
        ("!10.0.0.0/8,*", "11.1.2.3", True),
        ("!10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("0:0:0:0:0:0:0:1", "::1", True),
        ("2001:DB8::/32", "2001:db8::7", True),
        ("2001:DB8:*", "2001:db8::7", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("10.0.0.0/8", "2001:db8::7", False),
        ("*.example.org", "10.1.2.3", False),
        ("[1]*", "10.1.2.3", False),
        ("*", "", False),
        ("*", "not-an-address", False),
    ],
)
def test_a_list_matches_as_under_sshd(patterns: str, address: str, matches: bool) -> None:
    assert SourcePatterns.parse(patterns).match(address) is matches


@pytest.mark.parametrize("patterns", ["", "10.0.0.1,", "!", "10.0.0.1/8", "*,!10.0.0.1/8", "10.0.0.0/33", "a/b"])
def test_a_list_that_cannot_be_meant_is_refused(patterns: str) -> None:
    with pytest.raises(SourcePatternError):
        SourcePatterns.parse(patterns)
