"""`vae-tf watch`: TensorBoard on one run or a folder of them."""

import argparse

HELP = "Open TensorBoard on a run, or on a folder of runs."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUNS", help="a run, or a folder of runs")
    parser.add_argument("--port", type=int, default=6006, help="the port of the page (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Becomes TensorBoard, until it is interrupted."""
    import os
    import pathlib
    import sys

    from vae_tf.errors import InputError

    if not any(pathlib.Path(arguments.directory).rglob("events.out.tfevents.*")):
        raise InputError(f"{arguments.directory} holds no run that was watched: give a directory of `vae-tf train`.")
    words = ["-m", "tensorboard.main", "--logdir", arguments.directory, "--port", str(arguments.port)]
    os.execv(sys.executable, [sys.executable, *words])
