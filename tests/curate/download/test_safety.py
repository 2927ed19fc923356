"""Which addresses may be connected to."""

from __future__ import annotations

import socket

import pytest

from curate.download.safety import ForbiddenAddress, host_of, is_public, only_public


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_addresses_of_the_internet_are_public(address: str):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::1", "a name", "",
    ],
)  # fmt: skip
def test_all_others_are_not_whatever_they_hide_behind(address: str):
    assert not is_public(address)


def test_python_sockets_are_held_back_within_the_guard_and_free_outside():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = listener.getsockname()
        with only_public(), pytest.raises(ForbiddenAddress, match=r"127\.0\.0\.1"):
            socket.create_connection(where, timeout=1).close()
        socket.create_connection(where, timeout=1).close()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.youtube.com/watch?v=x", "youtube.com"),
        ("https://youtu.be/x", "youtube.com"),
        ("HTTP://Example.ORG:8080/a", "example.org"),
        ("http://youtube.com.evil.org/a", "youtube.com.evil.org"),
        ("http://user@10.0.0.1/a", "10.0.0.1"),
    ],
)
def test_the_host_of_a_url(url: str, host: str):
    assert host_of(url) == host
