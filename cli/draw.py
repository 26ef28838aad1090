"""`vae-tf draw`: what a trained model has learned, as a picture."""

import argparse

HELP = "Draw what a trained run has learned, as a PNG file."
KINDS = ("samples", "reconstructions", "traversal", "interpolation", "manifold")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUN", help="a directory that `vae-tf train` has made")
    parser.add_argument("--what", choices=KINDS, required=True, help="the kind of picture")
    parser.add_argument("--out", metavar="FILE.png", required=True, help="the file to write")


def run(arguments: argparse.Namespace) -> int:
    """Writes the picture."""
    import numpy as np

    from vae_tf import training
    from vae_tf.errors import InputError
    from vae_tf.training import pictures

    if not arguments.out.endswith(".png"):
        raise InputError(f"--out got {arguments.out!r}: give a file that ends in .png.")
    the_run = training.Run(arguments.directory)
    settings, vae = the_run.load()

    def inputs(count: int) -> np.ndarray:
        x = np.concatenate(list(the_run.test_batches(settings).as_numpy_iterator()))
        return x[pictures.evenly(count, len(x))]

    draw = {
        "samples": lambda: pictures.samples(vae, seed=settings.seed),
        "reconstructions": lambda: pictures.reconstructions(vae, inputs(32)),
        "traversal": lambda: pictures.traversal(vae, inputs(1)),
        "interpolation": lambda: pictures.interpolation(vae, inputs(9)),
        "manifold": lambda: pictures.manifold(vae),
    }
    pictures.write(draw[arguments.what](), arguments.out)
    print(arguments.out)
    return 0
