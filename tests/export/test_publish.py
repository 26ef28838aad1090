"""The callback that publishes what has become better."""

import json
import os

import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.export import Publish, publish
from vae_tf.export.version import check


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2, (12, 6, 6, 1)).astype(np.float32)


def run(vae, folder, values, **options):
    """Ends an epoch for each of the values of the validation."""
    callback = Publish(folder, "digits", **options)
    callback.set_model(vae)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"val_elbo": value, "val_loss": -value})


def versions(folder) -> list[str]:
    return sorted(os.listdir(folder / "digits"))


def test_fit_publishes_a_version_that_passes_its_check(make, x, tmp_path):
    vae = make()
    vae.compile("adam", run_eagerly=True)
    vae.fit(x, validation_data=(x,), verbose=0, callbacks=[Publish(tmp_path, "digits")])
    assert versions(tmp_path) == ["1"]
    assert [finding for finding in check.check(tmp_path / "digits") if not finding.ok] == []
    results = json.loads((tmp_path / "digits" / "1" / "card.json").read_text())["results"]
    assert results["epoch"] == 1
    assert np.isfinite(results["val_elbo"])


def test_only_what_is_better_is_published(vae, tmp_path):
    run(vae, tmp_path, [-9, -9, -10, -8])
    assert versions(tmp_path) == ["1", "2"]
    assert json.loads((tmp_path / "digits" / "2" / "card.json").read_text())["results"]["epoch"] == 4


def test_less_of_a_loss_is_better_and_old_versions_go(vae, tmp_path):
    run(vae, tmp_path, [-9, -8, -10, -7], monitor="val_loss", keep=1, mount="/srv")
    assert versions(tmp_path) == ["1", "2", "3"]  # the stable one, what was the canary until now, and the newest
    assert '"/srv/digits"' in (tmp_path / "models.config").read_text()


def test_nan_is_not_better(vae, tmp_path):
    run(vae, tmp_path, [np.nan, -9, np.nan, -np.inf, np.inf])
    assert versions(tmp_path) == ["1"]


@pytest.mark.parametrize("monitor", ["val_accuracy", "rate", "val_beta"])
def test_a_value_without_a_direction_is_refused(vae, tmp_path, monitor):
    with pytest.raises(InputError, match=f"told to monitor '{monitor}': give one of loss, elbo, distortion"):
        run(vae, tmp_path, [], monitor=monitor)


def test_without_validation_it_is_refused(make, x, tmp_path):
    vae = make()
    vae.compile("adam", run_eagerly=True)
    with pytest.raises(InputError, match=r"monitors val_elbo, but the epoch logged .*: give fit\(\) validation_data"):
        vae.fit(x, verbose=0, callbacks=[Publish(tmp_path)])


def test_a_disk_that_is_full_is_a_warning_and_the_next_best_is_tried(vae, tmp_path, monkeypatch):
    write = publish.export
    full = iter([True, False])

    def sometimes(*arguments, **options):
        if next(full):
            raise OSError("No version was written to digits: No space left on device.")
        return write(*arguments, **options)

    monkeypatch.setattr(publish, "export", sometimes)
    with pytest.warns(UserWarning, match="No space left on device. Training goes on"):
        run(vae, tmp_path, [-9, -9])
    assert versions(tmp_path) == ["1"]


def test_a_models_config_that_somebody_has_broken_stops_no_training(vae, tmp_path):
    (tmp_path / "models.config").write_text("model_config_list {")
    with pytest.warns(UserWarning, match=r"models.config cannot be read .* Training goes on"):
        run(vae, tmp_path, [-9])
    assert not (tmp_path / "digits").exists()


@pytest.mark.parametrize(("options", "said"), [({"name": "a/b"}, "The name is 'a/b'"), ({"keep": 0}, "keep is 0")])
def test_bad_options_are_refused_at_once(tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        Publish(tmp_path, **options)
