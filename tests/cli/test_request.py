"""The example of a request that `vae-tf export` and `vae-tf serve` print."""

import json
import shlex
import shutil

import pytest

from vae_tf import VAE, networks
from vae_tf.export import export
from vae_tf_cli import request

PYTHON = "or in Python, with vae_tf_client:"
CONDITIONS = {
    "plain": {},
    "labelled": {"label": networks.Label(12), "angle": networks.Vector(2)},
    "encoder": {"label": networks.Label(2, decoder=False)},
    "numbered": {"label": networks.Label(2)},
    "long": {"image": networks.Vector((8, 8))},
}
NAMES = ["ant", "b\nee", *(f"kind {number}" for number in range(2, 12))]


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """The folder of the versions of a model with each of `CONDITIONS`, once they are asked for."""
    directory = tmp_path_factory.mktemp("serving")

    def publish(name: str):
        if not (directory / name).exists():
            vae = VAE(*networks.mlp((4, 4, 1), 2, hidden=(3,), conditions=CONDITIONS[name]))
            names = {"labelled": {"label": NAMES}, "numbered": {"label": ["0", "1"]}}.get(name)
            export(vae, directory, name, names=names)
        return directory / name

    return publish


def lines(folder) -> list[str]:
    return [*request.lines("http://h:1", "bugs", folder)]


@pytest.mark.parametrize("name", ["plain", "encoder", "long"])  # which takes none, none here, and too many numbers
def test_a_model_is_asked_by_a_seed(versions, name):
    body, where = '{"signature_name": "sample", "instances": [{"seed": [7, 0]}]}', "http://h:1/v1/models/bugs:predict"
    expected = [f"curl -d '{body}' {where}", PYTHON, 'Client("http://h:1", "bugs").sample(1, seed=7)']
    assert lines(versions(name)) == expected


def test_what_else_it_takes_is_in_the_request_and_labels_are_named(versions):
    folder = versions("labelled")
    curl, _, python, names = lines(folder)
    (instance,) = json.loads(shlex.split(curl)[2])["instances"]
    assert instance == {"seed": [7, 0], "label": 0, "angle": [0.0, 0.0]}
    assert python == 'Client("http://h:1", "bugs").sample(1, seed=7, angle=[0.0, 0.0], label=0)'
    assert names.startswith(r"label: 0 is 'ant', 1 is 'b\nee', 2 is 'kind 2', ")
    assert names.endswith(", 9 is 'kind 9' and 2 more")
    assert lines(folder / "1") == [curl, PYTHON, python, names]


def test_labels_that_are_called_as_they_are_are_not_named(versions):
    assert lines(versions("numbered"))[-1] == 'Client("http://h:1", "bugs").sample(1, seed=7, label=0)'


@pytest.mark.parametrize("damaged", ["card.json", "saved_model.pb", None])
def test_a_model_that_cannot_be_read_is_asked_as_one_without_conditions(versions, damaged, tmp_path):
    folder = tmp_path / "bugs"
    if damaged is not None:
        shutil.copytree(versions("labelled"), folder)
        (folder / "1" / damaged).write_bytes(b"[junk")
    assert lines(folder)[-1] == 'Client("http://h:1", "bugs").sample(1, seed=7)'
