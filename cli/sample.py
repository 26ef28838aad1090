"""`vae-tf sample`: new examples from the prior, as an array or as images."""

import argparse

from vae_tf_cli import numbers

HELP = "Sample new examples: means of p(x|z) for z from the prior."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUN", help="a directory that `vae-tf train` has made")
    parser.add_argument("--count", type=numbers.count, metavar="N", default=64, help="how many (%(default)s)")
    parser.add_argument("--seed", type=numbers.seed, metavar="S", help="sample i is that of (S, i) (that of the run)")
    parser.add_argument(
        "--label", metavar="NAME", help="of all, if the model takes labels (they take turns: 0, 1, ..., 0, 1, ...)"
    )
    parser.add_argument(
        "--out", metavar="FILE.npy|FOLDER", required=True, help="an array, or a new folder of PNG files, to write"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the array, or the folder."""
    import tensorflow as tf
    from rich import progress

    from vae_tf import random, training
    from vae_tf.data import rows_of
    from vae_tf.serving import signatures
    from vae_tf.training import datasets
    from vae_tf.training.runs import outputs
    from vae_tf.training.runs.inputs import asked

    is_array = outputs.is_array(arguments.out)
    run = training.Run(arguments.directory)
    settings, vae = run.load()
    needs_label = datasets.CONDITION in vae.prior_conditions + vae.decoder_conditions
    labels = run.condition(settings) if needs_label else None
    label = asked(arguments.label, labels)
    if not is_array:
        outputs.check_image_files(vae)
    seed = settings.seed if arguments.seed is None else arguments.seed
    count, together = arguments.count, rows_of(vae.event_shape)

    def mean(first: int) -> tf.Tensor:
        images = tf.range(first, min(first + together, count), dtype=tf.int64)
        condition = {}
        if labels is not None:
            turns = images % len(labels.names) if label is None else tf.fill(tf.shape(images), label)
            condition[datasets.CONDITION] = tf.cast(turns, tf.int32)
        return signatures.sample(vae, random.pair(seed, random.Purpose.SAMPLE, images), **condition)["mean"]

    means = map(mean, progress.track(range(0, count, together), "sampling", transient=True))
    if is_array:
        outputs.write_array(arguments.out, (count, *vae.event_shape), means)
    else:
        outputs.write_images(arguments.out, outputs.numbered(count), means)
    print(arguments.out)
    return 0
