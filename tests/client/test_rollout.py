"""A new version under way: what callers see who ask for the newest, for `stable` and for `canary`."""

import threading
import time

import numpy as np
import pytest

from vae_tf import VAE, likelihoods, networks, posteriors
from vae_tf.export import export, server
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
    monkeypatch.setattr(server, "POLL", 1)  # the real server takes whole seconds
    export(vae, tmp_path, "digits")
    with serve(tmp_path) as served:
        threading.Thread(target=served.stay, args=(pytest.fail,), daemon=True).start()
        with Client(served.rest, "digits") as newest, Client(served.rest, "digits", label="stable") as stable:
            before = newest.decode([[0.5, 1.0]])
            export(larger, tmp_path, "digits")
            end = time.monotonic() + 60
            while (codes := sizes(newest, served.rest)) == 2 and time.monotonic() < end:
                time.sleep(0.2)
            assert codes == 3
            assert newest.decode([[0.5, 1.0, 0.0]]).shape == (1, 4, 4, 1)  # it knew of two
            with pytest.raises(ValueError, match=r"was given float64 \[1, 2\]: give float32 \[B, 3\]"):
                newest.decode([[0.5, 1.0]])
            np.testing.assert_array_equal(stable.decode([[0.5, 1.0]]), before)


def sizes(client: Client, url: str) -> int:
    """How many codes the newest model takes, asked anew."""
    with Client(url, client.name) as other:
        return other.signatures["decode"].inputs["z"].shape[1]
