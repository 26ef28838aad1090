"""`vae-tf export`."""

import json
import os
import zipfile

import numpy as np
import pytest

from vae_tf import VAE, networks
from vae_tf_cli.main import main


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "model.keras"
    VAE(*networks.mlp((6, 6, 1), 3, hidden=(8,))).save(path)
    return path


@pytest.fixture
def run(model, tmp_path, monkeypatch):
    """A run directory, in the folder that one stands in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-run").mkdir()
    (tmp_path / "my-run" / "model.keras").write_bytes(model.read_bytes())
    (tmp_path / "my-run" / "recipe.yaml").write_text("data: digits-5k\n")
    return tmp_path / "my-run"


def test_a_run_becomes_versions_and_the_way_to_serve_them(run, capsys):
    assert main(["export", "my-run", "--to", "serving"]) == 0
    assert main(["export", "my-run", "--to", "serving"]) == 0
    assert sorted(os.listdir("serving/my-run")) == ["1", "2"]
    printed = capsys.readouterr().out
    assert "serving/my-run/1\n" in printed
    assert "serving/my-run/2\n" in printed
    assert "\n  vae-tf serve serving\n" in printed
    assert """'{"signature_name": "sample", "instances": [{"seed": [7, 0]}]}'""" in printed
    assert "http://localhost:8501/v1/models/my-run:predict" in printed


def test_the_name_is_the_run_s_or_another(run, monkeypatch, capsys):
    monkeypatch.chdir(run)
    assert main(["export", ".", "--to", "../served models"]) == 0
    assert main(["export", ".", "--to", "../served models", "--name", "digits"]) == 0
    assert sorted(os.listdir("../served models")) == [
        "batching.config",
        "digits",
        "models.config",
        "monitoring.config",
        "my-run",
    ]
    assert "\n  vae-tf serve '../served models'\n" in capsys.readouterr().out


def test_the_card_holds_the_recipe_and_the_results(run):
    (run / "results.json").write_text('{"elbo": -90.5}')
    assert main(["export", "my-run", "--to", "serving", "--mount", "/srv", "--keep", "1"]) == 0
    card = json.loads((run.parent / "serving" / "my-run" / "1" / "card.json").read_text())
    assert card["recipe"] == {"data": "digits-5k"}
    assert card["results"] == {"elbo": -90.5}
    assert 'base_path: "/srv/my-run"' in (run.parent / "serving" / "models.config").read_text()


@pytest.mark.parametrize("case", ["missing", "no model", "truncated", "damaged", "empty", "bad name", "file"])
def test_bad_input_is_one_line_and_nothing_is_written(run, capsys, case):
    model, words = run / "model.keras", ["export", "my-run", "--to", "serving"]
    content = model.read_bytes()
    if case == "missing":
        words[1], said = "other-run", "other-run is not a run: give a directory that `vae-tf train` has made."
    elif case == "no model":
        model.unlink()
        said = "The run my-run has no weights yet"
    elif case == "truncated":
        model.write_bytes(content[: len(content) // 2])
        said = "model.keras is damaged"
    elif case == "damaged":
        with zipfile.ZipFile(model) as archive:
            where = archive.getinfo("model.weights.h5").header_offset + 100
        model.write_bytes(content[:where] + bytes(byte ^ 1 for byte in content[where:]))
        said = "model.keras is damaged"
    elif case == "empty":
        model.write_bytes(b"")
        said = "model.keras is damaged"
    elif case == "bad name":
        words += ["--name", "a/b"]
        said = "The name is 'a/b'"
    else:
        (run.parent / "serving").write_text("")
        said = "No version was written to serving/my-run: Not a directory"
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"vae-tf: error: {said}") or f"error: my-run/{said}" in error
    assert error.count("\n") == 1
    assert (run.parent / "serving").is_file() == (case == "file")
    assert not (run.parent / "serving").is_dir()


def test_a_model_that_diverged_is_not_published(run, capsys):
    vae = VAE(*networks.mlp((6, 6, 1), 3, hidden=(8,)))
    vae.decoder.weights[0].assign(np.full_like(vae.decoder.weights[0], np.nan))
    vae.save(run / "model.keras")
    assert main(["export", "my-run", "--to", "serving"]) == 2
    assert "kernel is not finite everywhere" in capsys.readouterr().err
    assert not (run.parent / "serving").exists()
