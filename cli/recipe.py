"""`vae-tf recipe`: one recipe that comes with the library, as a file of one's own begins."""

import argparse

HELP = "Print a recipe that comes with the library, as in: vae-tf recipe digits > mine.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("name", metavar="NAME", help="one of those that `vae-tf recipes` lists")


def run(arguments: argparse.Namespace) -> int:
    """Prints the file."""
    from vae_tf import training

    print(training.preset(arguments.name), end="")
    return 0
