"""`vae-tf score`: the score of each example, as a table."""

import argparse

from vae_tf_cli import numbers

HELP = "Score each example: its elbo, rate and distortion, for finding what is unusual."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUN", help="a directory that `vae-tf train` has made")
    parser.add_argument("--data", metavar="SOURCE", required=True, help="the examples: every one, in its order")
    parser.add_argument("--label", metavar="NAME", help="one label for all, if the model takes labels (the data's own)")
    parser.add_argument(
        "--seed", type=numbers.seed, metavar="S", help="of the one draw of z for each (that of the run)"
    )
    parser.add_argument("--out", metavar="FILE.csv", required=True, help="the file to write; a row an example")


def run(arguments: argparse.Namespace) -> int:
    """Writes the table."""
    from rich import progress

    from vae_tf import scoring, training
    from vae_tf.training.runs import outputs
    from vae_tf.training.runs.inputs import inputs

    outputs.check_file(arguments.out, ".csv")
    run = training.Run(arguments.directory)
    settings, vae = run.load()
    scoring.check(vae)
    given = inputs(arguments.data, settings, vae, vae.conditions, run.condition(settings), arguments.label)
    seed = settings.seed if arguments.seed is None else arguments.seed
    parts = scoring.scores(vae, given.batches, seed)
    score = scoring.joined(list(progress.track(parts, "scoring", given.steps, transient=True)))
    values = {name: value.numpy() for name, value in score._asdict().items()}
    outputs.write_table(arguments.out, {**given.rows.about(), **values})
    print(arguments.out)
    return 0
