"""`vae-tf train`: a recipe becomes a run."""

import argparse

HELP = "Train a model by a recipe."
EPILOG = """All settings: vae-tf recipes --keys. Any setting of the recipe can be given, dotted, as in
  vae-tf train --recipe digits --model.latent_size 2 --model.objective.beta 4 --optimizer.learning_rate 3e-4
Choices on an axis are classes by name: --model.likelihood ContinuousBernoulli --model.posterior Deterministic.
A model that draws examples of a label, from data with labels: --model.condition label."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--recipe", metavar="NAME|FILE", help="a preset, or a YAML file")
    parser.add_argument("--data", metavar="SOURCE", help="digits-5k, mnist, ..., an .npz, .npy or folder of images")
    parser.add_argument("--validation", metavar="SHARE|test", help="the share held out (0.1), or the test set")
    parser.add_argument("--epochs", metavar="N", help="passes over the training data")
    parser.add_argument("--run", metavar="DIR", dest="directory", help="where to write (runs/NAME)")
    there = parser.add_mutually_exclusive_group()
    for word, what in (("resume", "go on with the run in DIR"), ("overwrite", "replace the run in DIR")):
        there.add_argument(f"--{word}", dest="existing", action="store_const", const=word, help=what)
    parser.set_defaults(existing="refuse", overrides=[])


def run(arguments: argparse.Namespace) -> int:
    """Trains, and says where to look."""
    import pathlib
    import shlex

    from vae_tf import training
    from vae_tf.errors import InputError

    resumed = arguments.existing == "resume"
    if arguments.recipe is None and not (resumed and arguments.directory):
        raise InputError(f"No recipe was given: add --recipe with one of {', '.join(training.presets())}, or a file.")
    the_run = training.Run(arguments.directory or f"runs/{pathlib.Path(arguments.recipe).stem}")
    the_run.check(arguments.existing)
    given = {"data": arguments.data, "validation": arguments.validation, "epochs": arguments.epochs}
    overrides = [f"--{key}={value}" for key, value in given.items() if value is not None] + arguments.overrides
    settings, decided = training.read(arguments.recipe or str(the_run.recipe), overrides)
    quoted = shlex.quote(str(the_run.directory))
    try:
        the_run.train(settings, decided, arguments.existing)
    except training.Interrupted as stop:
        trust = "".join(f" --trust {shlex.quote(package)}" for package in arguments.trust or [])
        print(f"{stop} Go on: vae-tf train --run {quoted} --resume{trust}")
        return 0
    print(f"{the_run.directory} holds the model, its history and its pictures; watch: vae-tf watch {quoted}")
    return 0
