"""`vae-tf encode`: the code of each example, as an array."""

import argparse

HELP = "Encode each example: its code z, as an array."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUN", help="a directory that `vae-tf train` has made")
    parser.add_argument("--data", metavar="SOURCE", required=True, help="the examples: every one, in its order")
    parser.add_argument("--label", metavar="NAME", help="one label for all, if the model takes labels (the data's own)")
    parser.add_argument("--out", metavar="FILE.npy", required=True, help="the file to write; float32 [N, D]")


def run(arguments: argparse.Namespace) -> int:
    """Writes the array."""
    from rich import progress

    from vae_tf import training
    from vae_tf.training.runs import outputs
    from vae_tf.training.runs.inputs import inputs

    outputs.check_file(arguments.out, ".npy")
    run = training.Run(arguments.directory)
    settings, vae = run.load()
    given = inputs(arguments.data, settings, vae, vae.encoder_conditions, run.condition(settings), arguments.label)
    batches = progress.track(given.batches, "encoding", given.steps, transient=True)
    shape = (len(given.rows.x), vae.latent_size)
    outputs.write_array(arguments.out, shape, map(vae.coder, batches))
    print(arguments.out)
    return 0
