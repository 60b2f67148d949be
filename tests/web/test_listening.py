"""Listening sockets: on which addresses, and how soon they send."""

import asyncio
import socket

import pytest
from own_thread import in_own_thread

from tellapart.errors import ConfigError
from tellapart.web.listening import bound


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_small_packets_are_sent_at_once(host):
    """Otherwise a body waits 40 ms for the acknowledgment of its head."""
    delays = []

    async def serve():
        def connected(_, writer):
            accepted = writer.get_extra_info("socket")
            delays.append(not accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with bound(host, 0) as listener:
            server = await asyncio.start_server(connected, sock=listener)
            reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            await reader.read()
            writer.close()
            server.close()

    in_own_thread(asyncio.run, serve())
    assert delays == [False]


def test_a_port_of_which_two_share_the_connections():
    with bound("127.0.0.1", 0, shared=True) as first:
        port = first.getsockname()[1]
        bound("127.0.0.1", port, shared=True).close()
        with pytest.raises(ConfigError, match=f"Cannot listen on port {port}"):
            bound("127.0.0.1", port)


def test_an_address_that_is_not_this_machines_is_said():
    with pytest.raises(ConfigError, match=r"of 192\.0\.2\.1"):
        bound("192.0.2.1", 0)
