"""The address and the ports that a server listens on, and who reaches it there."""

import ipaddress
import socket

from vae_tf.errors import InputError

LOOPBACK = "127.0.0.1"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address(host: str) -> Address:
    """A host as an address.

    Raises:
        InputError: where it is none.
    """
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        raise InputError(
            f"The host is {host!r}: give an address of this machine, such as {LOOPBACK}, or 0.0.0.0 for all of them."
        ) from None


def in_url(host: Address) -> str:
    """An address as a URL holds it."""
    return str(host) if host.version == 4 else f"[{host}]"


def exposed(host: Address, rest_port: int, grpc_port: int) -> str:
    """Who reaches the server, as a sentence."""
    ports = f"REST with the metrics at port {rest_port}, gRPC at port {grpc_port}"
    if host.is_loopback:
        return f"Exposed to this machine only ({host}): {ports}."
    network = "to every network of this machine" if host.is_unspecified else "to whoever reaches this address"
    return f"Exposed {network} ({host}), without a password and unencrypted: {ports}."


def check_free(host: Address, port: int) -> None:
    """Refuses a port that cannot be used: whoever listens there already would be taken for the server.

    Raises:
        InputError: where the port cannot be used.
    """
    if not 0 < port < 2**16:
        raise InputError(f"The port is {port}: give one from 1 to 65535.")
    with socket.socket(socket.AF_INET if host.version == 4 else socket.AF_INET6) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((str(host), port))
        except OSError as error:
            raise InputError(f"The port {port} cannot be used ({error.strerror}): give another.") from None
