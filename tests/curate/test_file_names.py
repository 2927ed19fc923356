"""Keys of strangers as file names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.file_names import MOST_BYTES, file_name


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("BlUTkf-_GTg.66_3", "BlUTkf-_GTg.66_3.mp4"), ("-a.1", "%2Da.1.mp4"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.mp4"),
        ("a\0b", "a%00b.mp4"), ("con", "%63on.mp4"), ("NUL.x", "%4EUL.x.mp4"), ("", "%.mp4"), (".", "%2E.mp4"),
        ("a b%c", "a%20b%25c.mp4"), ("ü", "%C3%BC.mp4"), ("a.", "a%2E.mp4"),
    ],
)  # fmt: skip
def test_a_key_is_one_plain_name(key: str, name: str):
    assert file_name(key, ".mp4") == name


@given(st.text(max_size=400), st.text(max_size=400))
def test_names_are_short_plain_and_differ_where_keys_differ(one: str, other: str):
    name = file_name(one, ".mp4")
    assert len(name) <= MOST_BYTES + 4
    assert name.isascii()
    assert not set(name) & set('/\\:*?"<>| \0')
    assert name[0] not in "-."
    assert (name == file_name(other, ".mp4")) == (one == other)
