import io

import keras
import numpy as np
import pytest
from PIL import Image

from vae_tf import InputError, likelihoods, priors
from vae_tf.training import callbacks
from vae_tf.training.watching import grids

TAGS = {"reconstructions", "samples", "draws", "traversal", "interpolation", "manifold"}  # of two latent dimensions


@pytest.fixture
def fit(make_vae, bits, tmp_path, read_events):
    """Trains with the pictures' callback; returns the model and tag -> [pictures, uint8, one an epoch]."""

    def run(learning_rate: float, epochs: int = 2, **options):
        vae = make_vae()
        vae.compile(keras.optimizers.SGD(learning_rate), run_eagerly=True)
        callback = callbacks.Pictures(tmp_path / "tensorboard", bits[:6], **{"seed": 5, **options})
        vae.fit(bits, batch_size=10, epochs=epochs, callbacks=[callback], verbose=0)
        events = read_events(tmp_path / "tensorboard" / "pictures")
        assert set(events) == TAGS
        for steps in events.values():
            assert list(steps) == list(range(1, epochs + 1))
        return vae, {tag: [decoded(value) for value in steps.values()] for tag, steps in events.items()}

    return run


def decoded(summary: np.ndarray) -> np.ndarray:
    """The picture of an image summary: width, height, PNG."""
    width, height, png = summary
    with Image.open(io.BytesIO(png)) as image:
        assert (image.width, image.height) == (int(width), int(height))
        return np.asarray(image)


def test_an_untrained_model_shows_the_same_pictures_at_each_epoch(fit):
    _, found = fit(learning_rate=0.0, epochs=3)
    for one, *others in found.values():
        for other in others:
            np.testing.assert_array_equal(one, other)


def test_a_model_that_learns_shows_other_pictures_of_the_same_codes(fit, bits):
    vae, found = fit(learning_rate=3.0)
    for one, other in found.values():
        assert not np.array_equal(one, other)
    # Those of the last epoch are of the model as it is now, on the codes of the seed and on the same inputs.
    np.testing.assert_array_equal(found["samples"][-1], grids.samples(vae, seed=5)[..., 0])
    np.testing.assert_array_equal(found["draws"][-1], grids.draws(vae, seed=5)[..., 0])
    np.testing.assert_array_equal(found["reconstructions"][-1], grids.reconstructions(vae, bits[:6])[..., 0])
    np.testing.assert_array_equal(found["interpolation"][-1], grids.interpolation(vae, bits[:5])[..., 0])
    np.testing.assert_array_equal(found["traversal"][-1], grids.traversal(vae, bits[:1])[..., 0])
    np.testing.assert_array_equal(found["manifold"][-1], grids.manifold(vae)[..., 0])


def test_the_seed_decides_the_codes(fit, make_vae):
    _, found = fit(learning_rate=0.0, epochs=1, seed=6)
    np.testing.assert_array_equal(found["samples"][0], grids.samples(make_vae(), seed=6)[..., 0])
    assert not np.array_equal(found["samples"][0], grids.samples(make_vae(), seed=5)[..., 0])


def test_files_are_kept_of_the_epochs_1_2_5_and_their_tens(make_vae, bits, tmp_path, monkeypatch):
    vae = make_vae()
    expected = grids.samples(vae)
    for name in ("samples", "draws", "traversal", "interpolation", "manifold"):
        monkeypatch.setattr(grids, name, lambda *args, **kwargs: expected)  # drawing takes its time
    folder = tmp_path / "files"
    callback = callbacks.Pictures(tmp_path, bits[:2], folder=folder)
    callback.set_model(vae)
    callback.on_train_begin()
    for epoch in (*range(6), 9, 10, 14, 19, 24, 49, 98, 99, 149, 199):  # as Keras counts, from 0
        callback.on_epoch_end(epoch)
    callback.on_train_end()
    numbers = [f"{epoch:04d}" for epoch in (1, 2, 5, 10, 20, 50, 100, 200)]
    names = {f"{name}-epoch-{number}.png" for name in ("reconstructions", "samples") for number in numbers}
    assert {path.name for path in folder.iterdir()} == names
    with Image.open(folder / "samples-epoch-0005.png") as image:
        np.testing.assert_array_equal(np.asarray(image), expected[..., 0])


def test_without_a_folder_no_files_are_kept(fit, tmp_path):
    fit(learning_rate=0.0, epochs=1)
    assert list(tmp_path.rglob("*.png")) == []


def fitted(vae, images, folder, read_events) -> dict:
    vae.compile("sgd", run_eagerly=True)
    vae.fit(images, epochs=1, callbacks=[callbacks.Pictures(folder, images)], verbose=0)
    return read_events(folder / "pictures")


def test_a_manifold_is_of_two_dimensions_and_pseudo_inputs_of_a_vamp_prior(make_vae, bits, tmp_path, read_events):
    vae = make_vae(latent_size=3, prior=priors.VampPrior(3, components=9))
    found = fitted(vae, bits, tmp_path, read_events)
    assert set(found) == TAGS - {"manifold"} | {"pseudo_inputs"}
    np.testing.assert_array_equal(decoded(found["pseudo_inputs"][1]), grids.pseudo_inputs(vae)[..., 0])


def test_one_image_has_no_neighbour(make_vae, bits, tmp_path, read_events):
    assert set(fitted(make_vae(), bits[:1], tmp_path, read_events)) == TAGS - {"interpolation"}


def test_a_model_of_no_images_is_refused(make_vae, rng, tmp_path):
    vae = make_vae((5,), likelihood=likelihoods.Normal((5,)))
    vae.compile("sgd", run_eagerly=True)
    x = rng.normal(size=(9, 5)).astype(np.float32)
    with pytest.raises(InputError, match="Pictures need images"):
        vae.fit(x, callbacks=[callbacks.Pictures(tmp_path, x)], verbose=0)


@pytest.mark.parametrize(
    ("kind", "tags"),
    [
        ("ladder", {"traversal", "interpolation", "rungs"}),
        ("grid", {"traversal", "interpolation"}),
        ("vq", set()),
        ("fsq", set()),
    ],
)
def test_what_is_shown_is_what_the_codes_allow(make_structured, bits, tmp_path, read_events, kind, tags):
    vae = make_structured(kind)
    vae.compile("sgd", run_eagerly=True)
    vae.fit(bits, batch_size=20, callbacks=[callbacks.Pictures(tmp_path, bits[:4])], verbose=0)
    assert set(read_events(tmp_path / "pictures")) == {"reconstructions", "samples", "draws", *tags}
