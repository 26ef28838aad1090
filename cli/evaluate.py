"""`vae-tf evaluate`: the measures of a run on its test set."""

import argparse

HELP = "Measure a trained run on its test set."
DEFAULT_SAMPLES = 5000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUN", help="a directory that `vae-tf train` has made")
    parser.add_argument(
        "--samples", type=int, default=DEFAULT_SAMPLES, help="importance samples of each image (%(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes RUN/results.json and prints it as a table."""
    import rich
    from rich.table import Table

    from vae_tf import training

    the_run = training.Run(arguments.directory)
    results = the_run.evaluate(arguments.samples)
    notes = results.pop("notes")
    table = Table("measure", "value", title=f"{the_run.directory}, test set, nats", title_justify="left")
    for name, value in results.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    rich.print(table)
    for note in notes:
        print(f"note: {note}")
    print(the_run.results)
    return 0
