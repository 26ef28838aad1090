"""`vae-tf export`: a trained run becomes the next version of a served model."""

import argparse

HELP = "Publish a trained run as the next version of a TF Serving model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUN", help="a directory that `vae-tf train` has made")
    parser.add_argument("--to", metavar="DIR", required=True, help="the folder of served models, made where missing")
    parser.add_argument("--keep", type=int, metavar="N", help="how many versions stay (all), beside those with a label")
    parser.add_argument("--mount", help="where the server will see DIR (/models, as in the official image)")
    parser.add_argument("--name", help="the model's name in the server's URLs (that of RUN)")


def run(arguments: argparse.Namespace) -> int:
    """Writes DIR/NAME/<version> and prints it, and how to serve it."""
    import json
    import pathlib
    import shlex

    import yaml
    from rich.console import Console

    from vae_tf import training
    from vae_tf.export import export
    from vae_tf.training import datasets
    from vae_tf_cli import request

    directory = pathlib.Path(arguments.directory)
    name = directory.resolve().name if arguments.name is None else arguments.name
    with Console(stderr=True).status(f"Exporting {directory}"):
        run = training.Run(directory)
        settings, vae = run.load()
        about = {"recipe": yaml.safe_load(run.recipe.read_text(encoding="utf-8"))}
        if run.results.is_file():
            about["results"] = json.loads(run.results.read_text(encoding="utf-8"))
        labels = run.condition(settings)
        names = None if labels is None else {datasets.CONDITION: labels.names}
        version = export(vae, arguments.to, name, keep=arguments.keep, mount=arguments.mount, names=names, about=about)
    print(version)
    print("Serve it, and ask it for a draw from the prior, by its seed:")
    print(f"  vae-tf serve {shlex.quote(arguments.to)}")
    for line in request.lines("http://localhost:8501", name, version):
        print(f"  {line}")
    return 0
