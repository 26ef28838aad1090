"""A new version under way: what callers see who ask for the newest, for `stable` and for `canary`."""

import threading
import time

import numpy as np
import pytest

from vae_tf import VAE, likelihoods, networks, posteriors
from vae_tf.export import export
from vae_tf.export.server import command
from vae_tf.export.version import warmup
from vae_tf_client import Client


@pytest.fixture
def larger() -> VAE:
    """A model of three codes instead of two."""
    return VAE(
        *networks.mlp((4, 4, 1), 3, hidden=(8,)),
        posterior=posteriors.DiagonalNormal(3),
        likelihood=likelihoods.Bernoulli((4, 4, 1)),
    )


def test_a_client_follows_the_newest_and_stable_stays(vae, larger, serve, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "POLL", 1)  # the real server takes whole seconds
    export(vae, tmp_path, "digits")
    with serve(tmp_path) as served:
        threading.Thread(target=served.stay, args=(pytest.fail,), daemon=True).start()
        with Client(served.rest, "digits") as newest, Client(served.rest, "digits", label="stable") as stable:
            before = newest.decode([[0.5, 1.0]])
            export(larger, tmp_path, "digits")
            await_codes(3, served.rest)
            assert newest.decode([[0.5, 1.0, 0.0]]).shape == (1, 4, 4, 1)  # it knew of two
            with pytest.raises(ValueError, match=r"was given float64 \[1, 2\]: give float32 \[B, 3\]"):
                newest.decode([[0.5, 1.0]])
            np.testing.assert_array_equal(stable.decode([[0.5, 1.0]]), before)


def test_labels_move_and_move_back(vae, larger, serve, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "POLL", 1)
    export(vae, tmp_path, "digits")
    with serve(tmp_path) as served:
        threading.Thread(target=served.stay, args=(pytest.fail,), daemon=True).start()
        await_codes(2, served.rest, label="canary")
        export(larger, tmp_path, "digits")
        await_codes(3, served.rest, label="canary")
        assert codes(served.rest, label="stable") == 2
        config = tmp_path / "models.config"
        config.write_text(config.read_text().replace('"stable" value: 1', '"stable" value: 2'))
        await_codes(3, served.rest, label="stable")
        config.write_text(config.read_text().replace('"stable" value: 2', '"stable" value: 1'))
        await_codes(2, served.rest, label="stable")
        export(vae, tmp_path, "digits", keep=1)
        await_codes(2, served.rest, label="canary")


def await_codes(expected: int, url: str, **choice) -> None:
    end = time.monotonic() + 60
    while (found := codes(url, **choice)) != expected and time.monotonic() < end:
        time.sleep(0.2)
    assert found == expected


def codes(url: str, **choice) -> int:
    """How many codes a model takes, asked anew."""
    with Client(url, "digits", **choice) as client:
        return client.signatures["decode"].inputs["z"].shape[1]


def test_a_version_that_cannot_be_loaded_holds_up_no_other(vae, larger, serve, tmp_path):
    export(larger, tmp_path, "digits")
    broken = export(vae, tmp_path, "digits")
    export(vae, tmp_path, "digits")
    (broken / "saved_model.pb").write_bytes(b"broken")
    with serve(tmp_path) as served:
        assert codes(served.rest) == 2
        assert codes(served.rest, label="stable") == 3
        (sentence,) = served.not_loaded()
        assert sentence.startswith("Version 2 of digits could not be loaded: ")


@pytest.mark.parametrize("largest", [1, 8])
def test_any_max_batch_size_will_do(vae, serve, tmp_path, largest):
    export(vae, tmp_path, "digits")
    (tmp_path / "batching.config").write_text(f"max_batch_size {{ value: {largest} }}\n")
    with serve(tmp_path) as served, Client(served.rest, "digits", batch_size=largest) as client:
        assert client.sample(9, seed=7).z.shape == (9, 2)


def test_a_warm_up_larger_than_a_batch_is_the_servers_error(vae, serve, tmp_path, monkeypatch):
    monkeypatch.setattr(warmup, "ROWS", 16)
    export(vae, tmp_path, "digits")
    monkeypatch.setattr(warmup, "ROWS", 1)
    export(vae, tmp_path, "digits")
    (tmp_path / "batching.config").write_text("max_batch_size { value: 8 }\n")
    with serve(tmp_path) as served:
        (sentence,) = served.not_loaded()
        assert "Task size 16 is larger than maximum input batch size 8" in sentence
