"""Listening sockets."""

import socket

from tellapart.errors import ConfigError

SENT_AHEAD = 1 << 17
"""Bytes that the system holds for a client that does not read; it would take megabytes for each."""


def bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Open a listening socket.

    Args:
        host: an address of this machine, or a name of one.
        port: 0 for any free port.
        shared: whether other processes may listen on the same port; the system then divides connections among them.

    Raises:
        ConfigError: there is no such address, or the port is taken or not permitted.
    """
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Without its protocol asyncio would not send small packets at once: 40 ms for every answer.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_AHEAD)
        listener.bind(address)
    except OSError as reason:
        if listener is not None:
            listener.close()
        raise ConfigError(
            f"Cannot listen on port {port}{'' if host == '127.0.0.1' else f' of {host}'}: "
            f"{reason.strerror or reason}. Omit --port, or choose another port."
        ) from reason
    listener.listen()
    return listener
