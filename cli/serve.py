"""`vae-tf serve`: TensorFlow Serving on a folder of exported models."""

import argparse

HELP = "Serve exported models with TensorFlow Serving."
PATIENCE = 300.0  # seconds until the models are available; Docker may have to fetch its image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="DIR", help="the folder that `vae-tf export --to` has filled")
    parser.add_argument("--rest-port", type=int, default=8501, help="of the REST interface (%(default)s)")
    parser.add_argument("--grpc-port", type=int, default=8500, help="of the gRPC interface (%(default)s)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address that may be asked (%(default)s, this machine only); 0.0.0.0 for every network of the machine",
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs the server until it ends or is interrupted; what is exported meanwhile is served, too.

    Returns:
        The server's status, 128 and the signal's number if one ended it.
    """
    import pathlib
    import signal
    import sys

    from rich.console import Console

    from vae_tf.export import server
    from vae_tf_cli import request

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the server is stopped, as by Ctrl-C
    with server.running(arguments.directory, arguments.rest_port, arguments.grpc_port, arguments.host) as running:
        with Console(stderr=True).status("Starting the server") as status:
            running.wait(
                lambda states: status.update(", ".join(f"{name}: {states[name]}" for name in states)), PATIENCE
            )
        for name in running.names:
            print(f"{name}: {running.rest}/v1/models/{name}, gRPC {running.grpc}")
        print(running.exposed)
        for sentence in running.not_loaded():
            print(sentence, file=sys.stderr)
        print("A draw from the prior, by its seed:")
        first = running.names[0]
        for line in request.lines(running.rest, first, pathlib.Path(arguments.directory) / first):
            print(f"  {line}", flush=True)
        ended = running.stay(lambda complaint: print(complaint, file=sys.stderr))
        print(f"{running.ending()}.", file=sys.stderr)
        return ended if ended >= 0 else 128 - ended
