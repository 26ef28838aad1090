"""`vae-tf export`: a trained run becomes the next version of a served model."""

import argparse

HELP = "Publish a trained run as the next version of a TF Serving model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUN", help="a directory that `vae-tf train` has made")
    parser.add_argument("--to", metavar="DIR", required=True, help="the folder of served models, made where missing")
    parser.add_argument("--name", help="the model's name in the server's URLs (that of RUN)")


def run(arguments: argparse.Namespace) -> int:
    """Writes DIR/NAME/<version> and prints it, and how to serve it."""
    import pathlib

    from rich.console import Console

    from vae_tf import training
    from vae_tf.export import export

    directory = pathlib.Path(arguments.directory)
    name = directory.resolve().name if arguments.name is None else arguments.name
    with Console(stderr=True).status(f"Exporting {directory}"):
        _, vae = training.Run(directory).load()
        version = export(vae, arguments.to, name)
    print(version)
    print("Serve it, and ask it for a draw from the prior, by its seed:")
    print(f"  {_server(version)}")
    print(f"  {_request(name)}")
    return 0


def _server(version) -> str:
    import shlex

    folder = version.parent.resolve()
    volume = shlex.quote(f"{folder}:/models/{folder.name}")
    return f"docker run --rm -p 8501:8501 -v {volume} -e MODEL_NAME={folder.name} tensorflow/serving"


def _request(name: str) -> str:
    body = '{"signature_name": "sample", "instances": [{"seed": [7, 0]}]}'
    return f"curl -d '{body}' http://localhost:8501/v1/models/{name}:predict"
