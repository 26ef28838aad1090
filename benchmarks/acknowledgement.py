"""What a REST answer waits for on one host, by the socket option that its reader sets.

    python benchmarks/acknowledgement.py

A process answers as TF Serving's HTTP server does: in writes of 16 KiB (libevent's), with Nagle's algorithm, over the
loopback device, whose segments have 64 kB. Milliseconds are the median and the largest of all requests, each on a
connection that is kept.
"""

import argparse
import multiprocessing
import socket
import statistics
import threading
import time
from multiprocessing.queues import SimpleQueue

import urllib3
from machine import machine
from rich.console import Console
from rich.table import Table
from urllib3.connection import HTTPConnection

from vae_tf_client import connection

KILOBYTES = (2, 14, 17, 20, 30, 45, 60, 100, 850)
WRITE = 2**14
SEGMENT = (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100)
    requests = parser.parse_args().requests
    readers = {
        "no option": urllib3.PoolManager(),
        "TCP_MAXSEG 1460": urllib3.PoolManager(socket_options=[*HTTPConnection.default_socket_options, SEGMENT]),
        "TCP_QUICKACK, as the client": connection.pool(None),
    }
    context = multiprocessing.get_context("spawn")
    ports = context.SimpleQueue()
    process = context.Process(target=serve, args=(ports,), daemon=True)
    process.start()
    url = f"http://localhost:{ports.get()}"
    table = Table("kB", *readers, title="{processor}, {cores} cores".format(**machine()))
    for kilobytes in KILOBYTES:
        cells = []
        for pool in readers.values():
            times = [milliseconds(pool, f"{url}/{kilobytes}000") for _ in range(requests)]
            cells.append(f"{statistics.median(times):.2f}, {max(times):.1f}")
        table.add_row(str(kilobytes), *cells)
    Console().print(table)
    process.terminate()


def milliseconds(pool: urllib3.PoolManager, url: str) -> float:
    begun = time.perf_counter()
    with pool.request("GET", url, preload_content=False, timeout=10, retries=False) as answer:
        content = answer.read(2**20)
    assert len(content) == int(url.rpartition("/")[2])
    return 1000 * (time.perf_counter() - begun)


def serve(ports: SimpleQueue) -> None:
    with socket.create_server(("localhost", 0)) as listening:
        ports.put(listening.getsockname()[1])
        while True:
            threading.Thread(target=answer, args=listening.accept()[:1], daemon=True).start()


def answer(source: socket.socket) -> None:
    """Answers GET /N with N bytes."""
    with source:
        while request := source.recv(2**16):
            size = int(request.split()[1][1:])
            message = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
            for start in range(0, len(message), WRITE):
                source.send(message[start : start + WRITE])


if __name__ == "__main__":
    main()
