"""`vae-tf draw`: what a trained model has learned, as a picture."""

import argparse

from vae_tf_cli import numbers

HELP = "Draw what a trained run has learned, as a PNG file."
KINDS = ("samples", "reconstructions", "traversal", "interpolation", "manifold", "rungs", "attribute", "search")
COUNTS = {"samples": 64, "reconstructions": 32, "interpolation": 9, "attribute": 8, "search": 8}  # of images
ATTRIBUTE_EXAMPLES = 10_000  # whose codes the direction is taken from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUN", help="a directory that `vae-tf train` has made")
    parser.add_argument("--what", choices=KINDS, required=True, help="the kind of picture")
    parser.add_argument(
        "--label",
        metavar="NAME",
        help="for samples, a manifold and rungs of a model that takes labels: the one of all (samples: a row for each "
        "label); for an attribute: the label, or the class's name, towards which codes move; for a search: the one "
        "that a classifier is to find in the pictures",
    )
    parser.add_argument("--data", metavar="SOURCE", help="the source whose test images are drawn (that of the run)")
    counts = ", ".join(f"{number} for {what}" for what, number in COUNTS.items())
    parser.add_argument(
        "--count",
        type=numbers.count,
        metavar="N",
        help=f"how many images are drawn ({counts}; 10 samples of each label)",
    )
    seeded = "for samples, rungs and a search: of the draws (that of the run)"
    parser.add_argument("--seed", type=numbers.seed, metavar="S", help=seeded)
    parser.add_argument("--out", metavar="FILE.png", required=True, help="the file to write")


def run(arguments: argparse.Namespace) -> int:
    """Writes the picture."""
    import dataclasses

    import numpy as np

    from vae_tf import data, training
    from vae_tf.data import Batch
    from vae_tf.errors import InputError
    from vae_tf.training import datasets
    from vae_tf.training.runs import outputs
    from vae_tf.training.runs.inputs import asked, option
    from vae_tf.training.watching import grids

    outputs.check_file(arguments.out, outputs.PNG)
    takes = {
        "label": ("samples", "manifold", "rungs", "attribute", "search"),
        "count": tuple(COUNTS),
        "seed": ("samples", "rungs", "search"),
    }
    for name, kinds in takes.items():
        if getattr(arguments, name) is not None and arguments.what not in kinds:
            raise InputError(
                f"--{name} was given for {arguments.what}: leave it out, or choose --what {' or '.join(kinds)}."
            )
    count = arguments.count or COUNTS.get(arguments.what, 1)
    the_run = training.Run(arguments.directory)
    settings, vae = the_run.load()
    settings = dataclasses.replace(settings, data=arguments.data or settings.data)
    seed = settings.seed if arguments.seed is None else arguments.seed
    labels = the_run.condition(settings)
    names = None if labels is None else labels.names

    def inputs() -> Batch:
        examples = the_run.test_examples(settings)
        examples = datasets.with_x(examples, lambda x: datasets.with_channel(x, vae.event_shape))
        datasets.check_shape(settings.data, datasets.x_of(examples), vae.event_shape)
        return data.take(examples, datasets.spread_evenly(count, data.count(examples)))

    def of_label(needed: tuple[str, ...]) -> dict[str, int]:
        number = asked(arguments.label, labels if datasets.CONDITION in needed else None)
        return {} if number is None else {datasets.CONDITION: number}

    def samples() -> np.ndarray:
        condition = of_label(vae.prior_conditions + vae.decoder_conditions)
        return grids.samples(vae, arguments.count, seed, class_names=names, **condition)

    def of_one_label(needed: tuple[str, ...], picture: str) -> dict[str, int]:
        condition = of_label(needed)
        if needed and names is not None and not condition:
            raise InputError(f"{picture} is that of one label: give one, such as {option(names[0])}.")
        return condition

    draw = {
        "samples": samples,
        "reconstructions": lambda: grids.reconstructions(vae, inputs()),
        "traversal": lambda: grids.traversal(vae, inputs()),
        "interpolation": lambda: grids.interpolation(vae, inputs()),
        "manifold": lambda: grids.manifold(vae, **of_one_label(vae.decoder_conditions, "A manifold")),
        "rungs": lambda: grids.rungs(vae, seed=seed, **of_one_label(vae.generative_conditions, "A picture of rungs")),
        "attribute": lambda: _attribute(the_run, settings, vae, arguments.label, count),
        "search": lambda: _search(the_run, settings, vae, arguments.label, count, seed),
    }
    grids.write(draw[arguments.what](), arguments.out)
    print(arguments.out)
    return 0


def _attribute(the_run, settings, vae, label: str | None, count: int):
    """Test images without a label, moved in the direction that it has in the training set."""
    from vae_tf import training
    from vae_tf.errors import InputError
    from vae_tf.training import datasets, evaluation
    from vae_tf.training.watching import grids

    if label is None:
        raise InputError("An attribute is the direction of a label: give one, such as --label 7 or --label cat.")
    if vae.conditions:
        raise InputError(
            f"{the_run.directory} takes the label as its condition, so its codes say the rest, and no direction "
            f"leads to a label: choose --what samples --label {label}."
        )
    splits = datasets.each(the_run.data(settings), lambda x: datasets.with_channel(x, vae.event_shape))
    if splits.y_train is None:
        raise InputError(f"The data {settings.data} have no labels, so no direction is known: give data with labels.")
    datasets.check_shape(settings.data, splits.x_train, vae.event_shape)
    part = datasets.spread_evenly(ATTRIBUTE_EXAMPLES, len(splits.x_train))
    x = datasets.as_evaluated(splits.x_train[part], seed=settings.seed, binarization=settings.binarization)
    names = datasets.label_names(splits.y_train[part], splits.class_names)
    direction = training.attribute_direction(evaluation.codes(vae, x), names, label)
    others = datasets.as_evaluated(splits.x_test, seed=settings.seed, binarization=settings.binarization)
    if splits.y_test is not None:
        others = others[datasets.label_names(splits.y_test, splits.class_names) != label]
    if not len(others):
        raise InputError(f"All test images have the label {label}, so none could be given it: give another label.")
    return grids.attribute(vae, others[datasets.spread_evenly(count, len(others))], direction)


def _search(the_run, settings, vae, label: str | None, count: int, seed: int):
    """Samples, and what a search for the highest logit of a label has made of them."""
    from vae_tf import training
    from vae_tf.errors import InputError
    from vae_tf.training import datasets
    from vae_tf.training.evaluation.classifier import classifier
    from vae_tf.training.evaluation.search import check_codes
    from vae_tf.training.watching import grids

    if label is None:
        raise InputError("A search is for pictures of a label: give one, such as --label 7 or --label cat.")
    if vae.conditions:
        raise InputError(
            f"{the_run.directory} takes the label as its condition, so it draws a label without a search: choose "
            f"--what samples --label {label}."
        )
    check_codes(vae)
    data = the_run.loaded(settings, settings.data)
    data = datasets.each(data, lambda x: datasets.with_channel(x, vae.event_shape))
    datasets.check_shape(settings.data, data.x_train, vae.event_shape)
    learned = classifier(data, settings.seed)
    found = training.search(vae, learned.score(label), count=count, seed=seed)
    print(learned.name)
    below = f"logit of {label}: {found.score_at_start.mean():.1f} before, {found.score.mean():.1f} after (means)"
    return grids.before_and_after(found.x_at_start, found.x, below)
