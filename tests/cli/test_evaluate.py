import gc
import json
import logging
import re

import numpy as np
import pytest
import yaml

from vae_tf_cli.evaluate import SECTIONS, text
from vae_tf_cli.main import main


def test_it_writes_the_results_and_shows_them_as_a_table(run, capsys):
    assert main(["evaluate", str(run), "--samples", "20"]) == 0
    results = json.loads((run / "results.json").read_text())
    assert results["importance_samples"] == 20
    printed = capsys.readouterr().out
    for name, row in (name_and_row for rows in SECTIONS.values() for name_and_row in rows.items()):
        if name in results:
            value = sorted(results[name], reverse=True) if name == "kl_per_dimension" else results[name]
            assert re.search(rf"{re.escape(row)}\W+{re.escape(text(value)[:20])}", printed), name
    unnamed = set(results) - {name for rows in SECTIONS.values() for name in rows} - {"notes"}
    assert unnamed == set()
    for note in results["notes"]:
        assert f"note: {note}" in printed
    assert printed.splitlines()[-1] == str(run / "results.json")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-94.36129, "-94.361"),
        (0.00123, "0.00123"),
        (0.0, "0.000"),
        (50, "50"),
        ("static", "static"),
        ([0.5, 2.25, 1.0], "0.50 2.25 1.00"),
        ([0.5] * 21, " ".join(["0.50"] * 20) + " ... (21 in all)"),
        ({"shape": 0.5, "x": 0.251}, "shape 0.50, x 0.25"),
        (["label", "angle"], "label, angle"),
    ],
)
def test_a_measure_is_shown_as_a_person_reads_it(value, shown):
    assert text(value) == shown


def test_all_that_can_be_chosen_is_handed_on(run, monkeypatch, capsys):
    from vae_tf import training

    asked = []

    def measure(self, samples, **options):
        asked.append((samples, options))
        return {"log_likelihood": -1.0, "notes": []}

    monkeypatch.setattr(training.Run, "measure", measure)
    monkeypatch.setattr(training.Run, "keep", lambda self, results: None)
    nothing = {"data": None, "binarization": None, "features": None}
    assert main(["evaluate", str(run)]) == 0
    words = ["--samples", "7", "--data", "mnist", "--binarization", "none", "--features", "auto"]
    assert main(["evaluate", str(run), *words]) == 0
    assert asked == [(None, nothing), (7, {"data": "mnist", "binarization": "none", "features": "auto"})]
    assert "Samples" not in capsys.readouterr().out  # a section without measures


def test_likelihoods_of_a_model_with_conditions_are_called_so(run, monkeypatch, capsys):
    from vae_tf import training

    results = {"log_likelihood": -1.0, "conditions": ["label"], "label_accuracy": 0.875, "notes": []}
    monkeypatch.setattr(training.Run, "measure", lambda *_, **__: results)
    monkeypatch.setattr(training.Run, "keep", lambda *_: None)
    assert main(["evaluate", str(run)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"log p\(x\|label\), at least\W+-1\.000", printed)
    assert re.search(r"labels by Bayes' rule, accuracy\W+0\.875", printed)
    assert "p(x)" not in printed


def test_another_binarization_is_warned_of(run, capsys):
    with pytest.warns(UserWarning, match="do not compare"):
        assert main(["evaluate", str(run), "--samples", "3", "--binarization", "none"]) == 0
    assert "do not compare" in capsys.readouterr().out


def test_one_sample_has_no_standard_error_over_draws(run, capsys):
    assert main(["evaluate", str(run), "--samples", "1"]) == 0
    assert json.loads((run / "results.json").read_text())["log_likelihood_standard_error_draws"] is None


@pytest.mark.parametrize("samples", ["0", "-2"])
def test_no_samples_are_refused_and_nothing_is_written(refused, run, contents, samples):
    before = contents(run)
    assert f"samples={samples}: give a whole number of at least 1" in refused("evaluate", run, "--samples", samples)
    assert contents(run) == before


def test_what_is_not_a_run_is_refused(refused, tmp_path):
    for directory in (tmp_path, tmp_path / "nowhere"):
        assert refused("evaluate", directory) == (
            f"{directory} is not a run: give a directory that `vae-tf train` has made."
        )
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_weights_is_refused(refused, run):
    (run / "model.keras").unlink()
    assert "model.keras is missing: bring it back, or copy that of the last checkpoint" in refused("evaluate", run)


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


def test_data_of_another_shape_are_refused(refused, run, here):
    np.savez(here / "other.npz", x_train=np.zeros((40, 5, 5), np.uint8))
    line = refused("evaluate", run, "--samples", "3", "--data", "other.npz")
    assert line.startswith("other.npz has examples of shape (5, 5, 1), but the model takes (6, 6, 1): give data")
    assert not (run / "results.json").exists()


def test_what_was_measured_is_shown_before_a_full_disk_is_said(run, monkeypatch, capsys):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vae_tf.atomic.sync", full)
    assert main(["evaluate", str(run), "--samples", "3"]) == 2
    captured = capsys.readouterr()
    assert "log p(x), at least" in captured.out
    (line,) = captured.err.splitlines()
    assert line.startswith(f"vae-tf: error: {run}/results.json could not be written ([Errno 28] No space left on dev")


def test_an_interruption_says_nothing_of_half_made_graphs(run, monkeypatch, caplog):
    from vae_tf import training

    logger = logging.getLogger("tensorflow")

    class HalfMade:  # as TensorFlow's TensorArray, with a stack
        def __del__(self):
            logger.error("Object was never used")

    def interrupted(*_, **__):
        half_made = HalfMade()
        raise KeyboardInterrupt(half_made)

    monkeypatch.setattr(training.Run, "measure", interrupted)
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    level = logger.level
    try:
        assert main(["evaluate", str(run)]) == 130
        gc.collect()
    finally:
        logger.setLevel(level)
    assert caplog.text == ""
