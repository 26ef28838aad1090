import json
import re

import numpy as np
import pytest
import yaml

from vae_tf_cli.main import main


def test_it_writes_the_results_and_shows_them_as_a_table(run, capsys):
    assert main(["evaluate", str(run), "--samples", "20"]) == 0
    results = json.loads((run / "results.json").read_text())
    assert results["importance_samples"] == 20
    printed = capsys.readouterr().out
    notes = results.pop("notes")
    for name, value in results.items():
        shown = f"{value:.3f}" if isinstance(value, float) else str(value)
        assert re.search(rf"{name}\W+{re.escape(shown)}\W", printed), name
    for note in notes:
        assert f"note: {note}" in printed
    assert printed.splitlines()[-1] == str(run / "results.json")


def test_without_a_number_5000_samples_are_drawn(run, monkeypatch):
    from vae_tf import training

    asked = []

    def evaluate(self, samples):
        asked.append(samples)
        return {"log_likelihood": -1.0, "notes": []}

    monkeypatch.setattr(training.Run, "evaluate", evaluate)
    assert main(["evaluate", str(run)]) == 0
    assert asked == [5000]


def test_one_sample_has_no_standard_error_over_draws(run, capsys):
    assert main(["evaluate", str(run), "--samples", "1"]) == 0
    assert json.loads((run / "results.json").read_text())["log_likelihood_standard_error_draws"] is None


@pytest.mark.parametrize("samples", ["0", "-2"])
def test_no_samples_are_refused_and_nothing_is_written(refused, run, contents, samples):
    before = contents(run)
    assert f"samples={samples}: give at least 1 importance sample" in refused("evaluate", run, "--samples", samples)
    assert contents(run) == before


def test_what_is_not_a_run_is_refused(refused, tmp_path):
    for directory in (tmp_path, tmp_path / "nowhere"):
        assert refused("evaluate", directory) == (
            f"{directory} is not a run: give a directory that `vae-tf train` has made."
        )
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_weights_is_refused(refused, run):
    (run / "model.keras").unlink()
    assert "has no weights yet: train it for at least one epoch" in refused("evaluate", run)


def test_a_damaged_model_is_refused(refused, run):
    content = (run / "model.keras").read_bytes()
    (run / "model.keras").write_bytes(content[: len(content) // 2])
    assert "model.keras" in refused("evaluate", run)
    assert not (run / "results.json").exists()


@pytest.mark.parametrize(("value", "said"), [(np.nan, "x_test is nan at index"), (None, "There is no data")])
def test_data_that_cannot_be_used_any_more_are_refused(refused, run, images, tmp_path, value, said):
    decided = yaml.safe_load((run / "recipe.yaml").read_text())
    decided["data"] = str(tmp_path / "data.npz")
    (run / "recipe.yaml").write_text(yaml.safe_dump(decided))
    if value is not None:
        with np.load(images) as file:
            x = file["x_test"] / 255
            x[3, 1, 2] = value
            np.savez(tmp_path / "data.npz", x_train=file["x_train"] / 255, x_test=x)
    assert said in refused("evaluate", run, "--samples", "3")
    assert not (run / "results.json").exists()
