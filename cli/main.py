"""The front door: chooses the subcommand, and says what went wrong in one line."""

import argparse
import importlib
import logging
import os
import platform
import sys
import warnings
from collections.abc import Sequence
from importlib import metadata

COMMANDS = (
    "recipes", "recipe", "train", "evaluate", "score", "encode", "reconstruct", "sample", "draw", "watch", "export",
    "check", "serve",
)  # fmt: skip
LIBRARIES = ("vae_tf", "tensorflow", "keras", "tensorflow-probability")
WITHOUT_RUN = ("recipes", "recipe", "watch", "check", "serve")  # these load no recipe and no model of a run


def main(words: Sequence[str] | None = None) -> int:
    """Runs the command `vae-tf`.

    Returns:
        The exit status: 0, 1 where `check` finds something off, 2 for input that cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog="vae-tf", description="Variational autoencoders for Keras, from data to TF Serving."
    )
    parser.add_argument("--version", action="store_true", help="print the versions of vae_tf and of what it stands on")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in COMMANDS:
        command = importlib.import_module(f"vae_tf_cli.{name}")
        subparser = subparsers.add_parser(name, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
        if name not in WITHOUT_RUN:
            subparser.add_argument(
                "--trust",
                metavar="PACKAGE",
                action="append",
                help="import this package of yours: a recipe may then name its classes, and its code runs",
            )
        subparser.set_defaults(run=command.run, trust=None)
    arguments, rest = parser.parse_known_args(words)
    if arguments.version:
        print(versions())
        return 0
    if arguments.command is None:
        parser.error("no COMMAND was given")
    if rest and not hasattr(arguments, "overrides"):
        subparsers.choices[arguments.command].error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.overrides = rest
    warnings.formatwarning = in_one_line
    try:
        import_tensorflow()
        import_trusted(arguments.trust or [])
        return arguments.run(arguments)
    except KeyboardInterrupt:
        logging.getLogger("tensorflow").setLevel(logging.CRITICAL)  # it says which parts of a graph were never used
        return 130
    except Exception as error:
        if not is_expected(error):
            raise
        print(f"vae-tf: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def versions() -> str:
    """What a report of a fault should name."""
    libraries = (f"{name} {metadata.version(name)}" for name in LIBRARIES)
    return f"{', '.join(libraries)}, Python {platform.python_version()}"


def in_one_line(message, *_, **__) -> str:
    """A warning as a person reads it."""
    return f"vae-tf: warning: {' '.join(str(message).split())}\n"


def import_tensorflow() -> None:
    """Imports TensorFlow without its greetings, some of which no log level holds back."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" in sys.modules:
        return
    from rich.console import Console

    with open(os.devnull, "w", encoding="utf-8") as nothing, open(os.dup(2), "w", encoding="utf-8") as terminal:
        os.dup2(nothing.fileno(), 2)
        try:
            with Console(file=terminal).status("Loading TensorFlow"):
                import tensorflow  # noqa: F401
        finally:
            os.dup2(terminal.fileno(), 2)


def import_trusted(packages: Sequence[str]) -> None:
    """Imports packages of the user's own, from this folder too, so that their classes are known.

    Raises:
        InputError: for one that cannot be imported.
    """
    from vae_tf.errors import InputError

    if packages:
        sys.path.append(os.getcwd())
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise InputError(f"--trust {package}: {error}; give a package that Python can import from here.") from error


def is_expected(error: Exception) -> bool:
    """Whether an error is one sentence for a person, and not a defect."""
    from vae_tf.errors import DivergenceError, InputError

    return isinstance(error, InputError | DivergenceError | OSError)


if __name__ == "__main__":
    sys.exit(main())
