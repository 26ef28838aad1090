"""`vae-tf reconstruct`: each example as the model gives it back, as an array or as images."""

import argparse

HELP = "Reconstruct each example: the mean of p(x|z) at its code."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUN", help="a directory that `vae-tf train` has made")
    parser.add_argument("--data", metavar="SOURCE", required=True, help="the examples: every one, in its order")
    parser.add_argument("--label", metavar="NAME", help="one label for all, if the model takes labels (the data's own)")
    parser.add_argument(
        "--out", metavar="FILE.npy|FOLDER", required=True, help="an array, or a new folder of PNG files, to write"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the array, or the folder."""
    from rich import progress

    from vae_tf import training
    from vae_tf.training.runs import outputs
    from vae_tf.training.runs.inputs import inputs

    is_array = outputs.is_array(arguments.out)
    run = training.Run(arguments.directory)
    settings, vae = run.load()
    if not is_array:
        outputs.check_image_files(vae)
    needed = vae.encoder_conditions + vae.decoder_conditions
    given = inputs(arguments.data, settings, vae, needed, run.condition(settings), arguments.label)
    count, files = len(given.rows.x), given.rows.files
    batches = progress.track(given.batches, "reconstructing", given.steps, transient=True)
    means = map(vae.reconstruct, batches)
    if is_array:
        outputs.write_array(arguments.out, (count, *vae.event_shape), means)
    else:
        names = outputs.numbered(count) if files is None else outputs.named_after(files)
        outputs.write_images(arguments.out, names, means)
    print(arguments.out)
    return 0
