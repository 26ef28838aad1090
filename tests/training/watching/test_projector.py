import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector import ProjectorConfig
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from werkzeug import test as werkzeug_test

from vae_tf import InputError, likelihoods, networks
from vae_tf.training import evaluation
from vae_tf.training.watching import projector
from vae_tf.training.watching.projector import Projector


def fit(vae, x, *callbacks, **options):
    vae.compile("sgd", run_eagerly=True)
    vae.fit(x, batch_size=10, callbacks=list(callbacks), verbose=0, **options)


def change(vae):
    for weight in vae.trainable_weights:
        weight.assign(weight + 0.1)


class Page:
    """What TensorBoard's projector gives to a page that is opened on a folder."""

    def __init__(self, folder):
        self.multiplexer = EventMultiplexer().AddRunsFromDirectory(str(folder))
        self.multiplexer.Reload()
        provider = MultiplexerDataProvider(self.multiplexer, str(folder))
        plugin = ProjectorPlugin(base_plugin.TBContext(data_provider=provider, logdir=str(folder)))
        self.routes = plugin.get_plugin_apps()

    def get(self, route: str, **query):
        response = werkzeug_test.Client(self.routes[route]).get(route, query_string=query)
        assert response.status_code == 200, response.text
        return response

    def shown(self, run: str = "projector"):
        """The embedding that the page chooses: of rank 2, as it hides the others."""
        (embedding,) = [e for e in self.get("/info", run=run).json["embeddings"] if len(e.get("tensorShape", ())) == 2]
        return embedding

    def codes(self, name: str, run: str = "projector") -> np.ndarray:
        return np.frombuffer(self.get("/tensor", run=run, name=name).data, np.float32)


def config_of(folder):
    return text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())


def test_the_projector_shows_the_codes_labels_and_images(make_vae, bits, tmp_path):
    vae, labels = make_vae(latent_size=3), np.arange(20) % 3
    fit(vae, bits, Projector(tmp_path / "run", bits, labels))
    page = Page(tmp_path)
    assert page.get("/runs").json == ["run/projector"]
    shown = page.shown("run/projector")
    name = shown["tensorName"]
    assert shown["tensorShape"] == [20, 3]
    np.testing.assert_array_equal(page.codes(name, "run/projector").reshape(20, 3), evaluation.codes(vae, bits))
    assert page.get("/metadata", run="run/projector", name=name).text.split() == [str(label) for label in labels]
    sprite = page.get("/sprite_image", run="run/projector", name=name)
    assert sprite.mimetype == "image/png"
    assert shown["sprite"]["singleImageDim"] == [4, 4]


def test_the_checkpoint_holds_the_codes_of_the_newest_epoch(make_vae, bits, tmp_path):
    vae = make_vae(latent_size=3)
    fit(vae, bits, Projector(tmp_path, bits), epochs=3)
    reader = tf.train.load_checkpoint(str(tmp_path / "projector"))
    codes = reader.get_tensor("epoch_3/.ATTRIBUTES/VARIABLE_VALUE")
    assert codes.dtype == np.float32
    np.testing.assert_array_equal(codes, evaluation.codes(vae, bits))
    assert config_of(tmp_path / "projector").embeddings[0].tensor_name == "epoch_3/.ATTRIBUTES/VARIABLE_VALUE"
    kept = {path.name for path in (tmp_path / "projector").glob("codes-*.index")}
    assert kept == {"codes-2.index", "codes-3.index"}


def test_a_page_that_is_open_finds_each_new_epoch_and_still_the_one_that_it_began_to_load(make_vae, bits, tmp_path):
    vae, callback = make_vae(latent_size=3), Projector(tmp_path, bits, range(20))
    callback.set_model(vae)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    page, before = Page(tmp_path), None
    for epoch in range(1, 4):
        name = page.shown()["tensorName"]
        assert name.startswith(f"epoch_{epoch}/")
        expected = evaluation.codes(vae, bits)
        np.testing.assert_array_equal(page.codes(name), expected.ravel())
        change(vae)
        callback.on_epoch_end(epoch)
        assert page.get("/metadata", run="projector", name=name).text.split() == [str(i) for i in range(20)]
        np.testing.assert_array_equal(page.codes(name), expected.ravel())
        assert before is None or not np.array_equal(expected, before)
        before = expected
    callback.on_train_end()


def test_discrete_codes_are_shown_as_their_vectors(make_structured, bits, tmp_path):
    vae = make_structured("vq")
    fit(vae, bits, Projector(tmp_path, bits))
    page = Page(tmp_path)
    shown = page.shown()
    assert shown["tensorShape"] == [20, 8]  # 4 places, vectors of 2
    expected = vae.vectors(vae.represent(bits).z)
    np.testing.assert_array_equal(page.codes(shown["tensorName"]).reshape(20, 8), expected)


@pytest.mark.parametrize("latent_size", [1, 2])
def test_of_few_dimensions_it_would_draw_nothing_so_zeros_fill_them_up(make_vae, bits, tmp_path, latent_size):
    vae = make_vae(latent_size=latent_size)
    fit(vae, bits, Projector(tmp_path, bits))
    page = Page(tmp_path)
    codes = page.codes(page.shown()["tensorName"]).reshape(20, 3)
    np.testing.assert_array_equal(codes[:, :latent_size], evaluation.codes(vae, bits))
    assert not codes[:, latent_size:].any()


@pytest.mark.parametrize("stage", ["projector_config.pbtxt", "checkpoint"])
def test_an_epoch_that_is_cut_off_leaves_the_one_before(make_vae, bits, tmp_path, monkeypatch, stage):
    vae, callback = make_vae(latent_size=3), Projector(tmp_path, bits, range(20))
    callback.set_model(vae)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    expected = evaluation.codes(vae, bits).ravel()

    def stop(*args, **kwargs):
        raise OSError("No space left on device")

    if stage == "checkpoint":
        monkeypatch.setattr(projector.tf.train.CheckpointManager, "save", stop)
    else:
        monkeypatch.setattr(projector.projector, "visualize_embeddings", stop)
    change(vae)
    with pytest.warns(UserWarning, match="Projector drew nothing at epoch 2 .OSError: No space left"):
        callback.on_epoch_end(1)
    page = Page(tmp_path)
    shown = page.shown()
    assert (shown["tensorName"], shown["metadataPath"]) == ("epoch_1/.ATTRIBUTES/VARIABLE_VALUE", "metadata.tsv")
    np.testing.assert_array_equal(page.codes(shown["tensorName"]), expected)
    callback.on_train_end()


def test_a_later_start_goes_on(make_vae, bits, tmp_path):
    vae = make_vae(latent_size=3)
    fit(vae, bits, Projector(tmp_path, bits), epochs=2)
    fit(vae, bits, Projector(tmp_path, bits), initial_epoch=2, epochs=3)
    page = Page(tmp_path)
    name = page.shown()["tensorName"]
    assert name.startswith("epoch_3/")
    np.testing.assert_array_equal(page.codes(name), evaluation.codes(vae, bits).ravel())


@pytest.mark.parametrize("channels", [1, 3])
def test_the_sprite_holds_each_image_in_its_row_and_column(make_vae, rng, tmp_path, channels):
    shape = (4, 6, channels)
    x = rng.uniform(-0.1, 1.1, (7, *shape)).astype(np.float32)
    fit(make_vae(shape, likelihood=likelihoods.Normal(shape)), x, Projector(tmp_path, x))
    with Image.open(tmp_path / "projector" / "sprite.png") as image:
        sheet = np.asarray(image).reshape(12, 18, channels)
    for i, expected in enumerate(np.round(255 * np.clip(x, 0, 1))):
        row, column = divmod(i, 3)
        np.testing.assert_array_equal(sheet[4 * row : 4 * row + 4, 6 * column : 6 * column + 6], expected)
    assert not sheet[8:, 6:].any()
    assert list(config_of(tmp_path / "projector").embeddings[0].sprite.single_image_dim) == [6, 4]


def test_images_shrink_where_all_together_are_too_large(make_vae, tmp_path, monkeypatch):
    monkeypatch.setattr(projector, "SPRITE", 20)
    grey = np.linspace(0, 1, 9, dtype=np.float32)
    x = np.broadcast_to(grey[:, None, None, None], (9, 8, 16, 1))
    fit(make_vae((8, 16, 1)), x, Projector(tmp_path, x))
    with Image.open(tmp_path / "projector" / "sprite.png") as image:
        sheet = np.asarray(image)
    assert sheet.shape == (9, 18)  # three by three of 3 x 6: 20 / 3 is 6
    np.testing.assert_array_equal(sheet[1::3, 1::6].ravel(), np.round(255 * grey))


def test_of_many_examples_some_are_taken_evenly_with_their_labels(make_vae, bits, tmp_path, monkeypatch):
    monkeypatch.setattr(projector, "SHOWN", 5)
    vae = make_vae(latent_size=3)
    fit(vae, bits, Projector(tmp_path, bits, [f"number {i}" for i in range(20)]))
    taken = [0, 4, 9, 14, 19]
    assert (tmp_path / "projector" / "metadata.tsv").read_text().splitlines() == [f"number {i}" for i in taken]
    page = Page(tmp_path)
    np.testing.assert_array_equal(page.codes(page.shown()["tensorName"]), evaluation.codes(vae, bits[taken]).ravel())
    with Image.open(tmp_path / "projector" / "sprite.png") as image:
        np.testing.assert_array_equal(np.asarray(image)[4:8, :4], 255 * bits[14, ..., 0])


def test_a_model_of_no_images_has_codes_alone(make_vae, rng, tmp_path):
    x = rng.normal(size=(9, 5)).astype(np.float32)
    vae = make_vae((5,), latent_size=3, likelihood=likelihoods.Normal((5,)))
    fit(vae, x, Projector(tmp_path, x))
    page = Page(tmp_path)
    shown = page.shown()
    assert "sprite" not in shown
    assert "metadataPath" not in shown
    np.testing.assert_array_equal(page.codes(shown["tensorName"]), evaluation.codes(vae, x).ravel())
    assert not list(tmp_path.rglob("*.png"))


def test_each_label_has_a_line(make_vae, bits, tmp_path):
    labels = ["a b", "a\tb", "two\nlines", "", "é", *range(15)]
    fit(make_vae(latent_size=3), bits, Projector(tmp_path, bits, labels))
    lines = (tmp_path / "projector" / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert lines == ["a b", "a b", "two lines", "-", "é", *map(str, range(15))]


@pytest.mark.parametrize("labels", [range(19), np.zeros((20, 1))])
def test_labels_of_another_shape_are_refused(bits, tmp_path, labels):
    with pytest.raises(InputError, match=r"labels of shape \((19,|20, 1)\) for 20 examples: give one for each"):
        Projector(tmp_path, bits, labels)


def test_codes_that_are_not_finite_are_not_written(make_vae, bits, tmp_path):
    vae, callback = make_vae(latent_size=3), Projector(tmp_path, bits)
    callback.set_model(vae)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    vae.trainable_weights[0].assign(vae.trainable_weights[0] * np.nan)
    with pytest.warns(UserWarning, match="Projector drew nothing at epoch 2 .ValueError: a code is not finite"):
        callback.on_epoch_end(1)
    callback.on_train_end()
    assert Page(tmp_path).shown()["tensorName"].startswith("epoch_1/")


def test_a_model_with_conditions_shows_the_codes_by_these_and_the_images(make_vae, bits, tmp_path):
    vae = make_vae(latent_size=3, conditions={"label": networks.Label(2)})
    x = {"x": bits, "label": np.arange(20) % 2}
    fit(vae, x, Projector(tmp_path, x, np.array(["cat", "dog"])[x["label"]]))
    page = Page(tmp_path)
    codes = page.codes(page.shown()["tensorName"]).reshape(20, 3)
    np.testing.assert_array_equal(codes, vae.represent(bits, label=x["label"]).z)
    assert (tmp_path / "projector" / "metadata.tsv").read_text().split() == ["cat", "dog"] * 10
    with Image.open(tmp_path / "projector" / "sprite.png") as sprite:
        assert sprite.size == (20, 20)  # five images of 4 pixels a side


def test_labels_of_another_length_than_the_examples_are_refused_with_conditions(bits, tmp_path):
    with pytest.raises(InputError, match=r"labels of shape \(2,\) for 20 examples"):
        Projector(tmp_path, {"x": bits, "label": np.arange(20)}, [0, 1])
