"""The versioned directory: whole versions, rising numbers, each weight once."""

import errno
import json
import os
import signal
import stat
import threading

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError
from vae_tf.export import export, staging
from vae_tf.export.server import configuration
from vae_tf.export.version import golden, numbers

KEY = "/.ATTRIBUTES/VARIABLE_VALUE"


def there(folder):
    return sorted(os.listdir(folder))


def test_the_next_version_follows_the_highest(vae, tmp_path):
    assert export(vae, tmp_path / "new" / "serving", "digits") == tmp_path / "new" / "serving" / "digits" / "1"
    folder = tmp_path / "new" / "serving" / "digits"
    (folder / "9").mkdir()
    (folder / "010").mkdir()
    (folder / "notes").mkdir()
    (folder / "99.bak").mkdir()
    assert export(vae, tmp_path / "new" / "serving", "digits").name == "11"
    assert there(folder) == ["010", "1", "11", "9", "99.bak", "notes"]


def test_a_version_is_whole_and_readable_by_a_server(vae, tmp_path):
    version = export(vae, str(tmp_path))
    assert version == tmp_path / "model" / "1"
    assert there(version) == ["assets", "assets.extra", "card.json", "fingerprint.pb", "saved_model.pb", "variables"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(version.stat().st_mode) == 0o777 & ~mask
    kept = golden.read(version / "assets.extra" / "golden.npz").keys()
    assert kept == {"decode", "decode_noise", "decode_png", "sample", "encode", "encode_png", "reconstruct", "score"}


def test_a_number_that_another_exporter_took_first_is_left_to_it(vae, tmp_path, monkeypatch):
    first = export(vae, tmp_path)
    before = (first / "saved_model.pb").stat()
    looks = iter([2, 1, 2])  # the other one's rename comes between our look and our rename
    monkeypatch.setattr(numbers, "following", lambda folder: next(looks))
    assert export(vae, tmp_path).name == "2"
    assert (first / "saved_model.pb").stat() == before
    assert there(tmp_path / "model") == ["1", "2"]


@pytest.mark.parametrize(("network", "likelihood"), [("mlp", "Bernoulli"), ("conv", "Normal")])
def test_each_needed_weight_is_stored_once(make, network, likelihood, tmp_path):
    vae = make(network, likelihood=likelihood)
    vae.compile("adam")
    vae.optimizer.build(vae.trainable_variables)
    version = export(vae, tmp_path)
    needed = [w.numpy() for part in (vae.encoder, vae.posterior, vae.decoder, vae.likelihood) for w in part.weights]
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    stored = [reader.get_tensor(key) for key in reader.get_variable_to_shape_map() if key.endswith(KEY)]
    values = lambda arrays: sorted((array.shape, array.tobytes()) for array in arrays)  # noqa: E731
    assert values(stored) == values(needed)
    graph = len(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    data = (version / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert sum(array.nbytes for array in needed) <= data <= sum(array.nbytes for array in needed) + graph + 64


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a:b", "a b", "é", "a\n", "-rf", "../up"])
def test_a_name_that_is_no_folder_and_url_part_is_refused(vae, tmp_path, name):
    with pytest.raises(InputError, match="letters, digits"):
        export(vae, tmp_path, name)
    assert not there(tmp_path)


def test_a_remote_directory_is_refused(vae, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="gs://bucket/models: give a local folder"):
        export(vae, "gs://bucket/models")
    assert not there(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(make, tmp_path, value):
    vae = make()
    kernel = vae.likelihood.linear.kernel
    kernel.assign(np.where(np.arange(36) == 7, value, kernel.numpy()))
    with pytest.raises(InputError, match=r"bernoulli.*kernel is not finite"):
        export(vae, tmp_path)
    assert not there(tmp_path)


def test_another_model_is_refused(vae, tmp_path):
    with pytest.raises(InputError, match=r"was given a Functional: give a vae_tf\.VAE"):
        export(vae.decoder, tmp_path)


def test_a_directory_that_is_a_file_is_said(vae, tmp_path):
    (tmp_path / "serving").write_text("")
    with pytest.raises(OSError, match=r"No version was written to .*serving/model: Not a directory"):
        export(vae, tmp_path / "serving")


def test_a_failure_while_writing_leaves_nothing_behind(vae, tmp_path, monkeypatch):
    export(vae, tmp_path)

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(golden, "write", fail)
    with pytest.raises(KeyboardInterrupt):
        export(vae, tmp_path)
    assert there(tmp_path / "model") == ["1"]


def test_a_version_that_cannot_be_served_does_not_stay(vae, tmp_path, monkeypatch):
    export(vae, tmp_path)
    before = (tmp_path / "models.config").read_bytes()

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(configuration, "replacing", fail)
    with pytest.raises(OSError, match=r"No version was written to .*/model: No space left on device; the versions"):
        export(vae, tmp_path)
    assert there(tmp_path / "model") == ["1"]
    assert (tmp_path / "models.config").read_bytes() == before


def labels(directory) -> dict[str, int]:
    return configuration.labels(directory, "model")


def test_the_newest_is_the_canary_and_stable_stays(vae, tmp_path):
    export(vae, tmp_path)
    assert labels(tmp_path) == {"stable": 1, "canary": 1}
    export(vae, tmp_path)
    assert labels(tmp_path) == {"stable": 1, "canary": 2}


def test_the_oldest_are_removed_but_for_those_with_a_label(vae, tmp_path):
    for _ in range(3):
        export(vae, tmp_path)
    export(vae, tmp_path, keep=2)
    assert there(tmp_path / "model") == ["1", "3", "4"]
    config = tmp_path / "models.config"
    config.write_text(config.read_text().replace('key: "stable" value: 1', 'key: "stable" value: 4'))
    export(vae, tmp_path, keep=1)
    assert there(tmp_path / "model") == ["4", "5"]
    assert labels(tmp_path) == {"stable": 4, "canary": 5}


def test_what_was_the_canary_stays_once_more(vae, tmp_path):
    for _ in range(4):
        export(vae, tmp_path, keep=1)
    assert labels(tmp_path) == {"stable": 1, "canary": 4}
    assert there(tmp_path / "model") == ["1", "3", "4"]


def test_versions_that_somebody_has_chosen_stay(vae, tmp_path):
    for _ in range(3):
        export(vae, tmp_path)
    config = tmp_path / "models.config"
    config.write_text(config.read_text().replace("all {}", "specific { versions: 2 versions: 3 }"))
    export(vae, tmp_path, keep=1)
    assert there(tmp_path / "model") == ["1", "2", "3", "4"]
    assert labels(tmp_path) == {"stable": 1, "canary": 3}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"keep": 0}, "keep is 0: give at least 1 version to keep, or leave it out to keep all"),
        ({"mount": "models"}, "The mount is 'models': give an absolute path"),
        ({"mount": '/mo"dels'}, "give an absolute path"),
    ],
)
def test_bad_options_are_refused(vae, tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        export(vae, tmp_path, **options)
    assert not there(tmp_path)


def test_a_models_config_that_cannot_be_read_is_refused_and_nothing_is_published(vae, tmp_path):
    (tmp_path / "models.config").write_text("model_config_list {\n  config { name: }\n")
    with pytest.raises(InputError, match=r"config cannot be read .line 2: the value of name was expected.*mend it"):
        export(vae, tmp_path)
    assert there(tmp_path) == ["models.config"]


def test_a_label_that_is_mistyped_is_refused_and_nothing_is_published(vae, tmp_path):
    export(vae, tmp_path)
    config = tmp_path / "models.config"
    wrong = config.read_text().replace('"canary" value: 1', '"canary" value: 6')  # which moves on anyhow
    config.write_text(wrong.replace('"stable" value: 1', '"stable" value: 7'))
    before = config.read_bytes()
    with pytest.raises(InputError, match="says that stable is version 7 of model, which is not there: mend it, or"):
        export(vae, tmp_path)
    assert there(tmp_path / "model") == ["1"]
    assert config.read_bytes() == before


def test_what_is_said_about_a_model_is_on_its_card(vae, tmp_path):
    version = export(vae, tmp_path, about={"recipe": {"epochs": 3}})
    card = json.loads((version / "card.json").read_text())
    assert card["recipe"] == {"epochs": 3}
    assert card["model"]["posterior"] == "DiagonalNormal"
    assert card["model"]["event_shape"] == [6, 6, 1]
    assert card["signatures"]["decode"]["inputs"] == {"z": {"dtype": "float32", "shape": [None, 3]}}
    assert set(card["files"]) == {
        path.relative_to(version).as_posix() for path in version.rglob("*") if path.is_file()
    } - {"card.json"}
    assert card["libraries"].keys() == {"vae_tf", "tensorflow", "keras", "tensorflow-probability"}


def test_two_threads_lose_no_version(make, tmp_path):
    models = [make(seed=seed) for seed in (1, 2)]
    taken = []
    work = lambda vae: taken.extend(export(vae, tmp_path).name for _ in range(2))  # noqa: E731
    threads = [threading.Thread(target=work, args=[vae]) for vae in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == there(tmp_path / "model") == ["1", "2", "3", "4"]


def test_what_killed_exporters_left_is_swept_and_what_a_living_one_writes_is_not(vae, tmp_path):
    export(vae, tmp_path)
    folder = tmp_path / "model"
    left = [folder / ".version-partial-dead", folder / ".7-partial-dead", tmp_path / ".models.config-partial-dead"]
    others = [folder / ".mine", tmp_path / ".model.keras-partial-elsewhere"]
    for each in [*left, *others]:
        (each / "within").mkdir(parents=True)
    with staging.staged(tmp_path, folder) as living:
        (living / "file").touch()
        assert not any(each.exists() for each in left)
        left[0].mkdir()
        assert export(vae, tmp_path).name == "2"
        assert (living / "file").exists()
        assert not left[0].exists()
    assert not living.exists()
    assert all(each.exists() for each in others)


def test_an_exporter_that_is_terminated_leaves_nothing_after_the_next(vae, tmp_path, fresh_process):
    folder = tmp_path / "model"
    folder.mkdir()
    process = fresh_process(
        f"""
        import os, pathlib, signal
        from vae_tf.export import staging

        folder = pathlib.Path({str(folder)!r})
        with staging.staged(folder.parent, folder) as hidden:
            (hidden / "file").touch()
            os.kill(os.getpid(), signal.SIGTERM)
        """
    )
    assert process.returncode == -signal.SIGTERM, process.stderr
    (hidden,) = folder.iterdir()
    export(vae, tmp_path)
    assert not hidden.exists()


def test_a_plain_file_with_a_number_for_its_name_is_no_version(vae, tmp_path):
    folder = tmp_path / "model"
    export(vae, tmp_path)
    (folder / "5").write_text("notes")
    (folder / "004").mkdir()
    assert numbers.versions(folder) == [1]
    assert export(vae, tmp_path, keep=1).name == "6"
    assert export(vae, tmp_path, keep=1).name == "7"
    assert export(vae, tmp_path, keep=1).name == "8"
    assert there(folder) == ["004", "1", "5", "7", "8"]  # 1 is stable, 7 was the canary
    assert (folder / "5").read_text() == "notes"


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 10**30])
def test_no_version_comes_after_the_last_that_the_server_knows(vae, tmp_path, number):
    (tmp_path / "model" / str(number)).mkdir(parents=True)
    said = f"has an entry {number}, and TF Serving knows no number above {2**63 - 1}: rename it to a smaller"
    with pytest.raises(InputError, match=said):
        export(vae, tmp_path)
    assert there(tmp_path / "model") == [str(number)]
    assert not (tmp_path / "models.config").exists()
