import random
import socket
import urllib.error

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.utils import file_utils

from vae_tf import InputError
from vae_tf.training import datasets
from vae_tf.training.evaluation import classifier, features

MADE = keras.applications.InceptionV3


@pytest.fixture
def data() -> datasets.StoredData:
    """Two easy classes of 8 x 8 images, uint8: the upper or the lower half is bright."""
    rng = np.random.default_rng(3)
    y = np.arange(320) % 2
    x = rng.integers(0, 100, (320, 8, 8, 1))
    x[y == 0, :4] += 150
    x[y == 1, 4:] += 150
    x = x.astype(np.uint8)
    return datasets.StoredData("halves", x[:256], y[:256], x[256:], y[256:])


@pytest.fixture
def images(data) -> np.ndarray:
    return data.x_test / np.float32(255)


@pytest.fixture
def save(tmp_path):
    def written(*layers, shape=(8, 8, 1)) -> str:
        path = tmp_path / "mine.keras"
        keras.Sequential([keras.Input(shape), *layers]).save(path)
        return str(path)

    return written


@pytest.fixture
def no_weights(monkeypatch):
    """What Keras raises where it finds neither weights nor a network, within milliseconds."""

    def fail(**arguments):
        raise Exception("URL fetch failure on https://storage: None -- Name or service not known")

    monkeypatch.setattr(keras.applications, "InceptionV3", fail)


@pytest.fixture
def random_weights(monkeypatch):
    monkeypatch.setattr(keras.applications, "InceptionV3", lambda weights, **rest: MADE(weights=None, **rest))


# ----- Classifier


def test_a_classifier_learns_the_labels_and_its_name_states_how_well(data, images):
    space = features.classifier(data, seed=0)
    assert space.name == "classifier trained on halves labels (test accuracy 1.00, 64 features)"
    found = space(images)
    assert (found.shape, found.dtype) == ((64, 64), np.float32)
    classes = [found[data.y_test == number] for number in (0, 1)]
    apart = np.linalg.norm(classes[0].mean(axis=0) - classes[1].mean(axis=0))
    assert apart > 3 * np.linalg.norm(classes[0] - classes[0].mean(axis=0), axis=1).mean()


def test_the_accuracy_is_that_on_the_test_set(data):
    flipped = data._replace(y_test=np.where(np.arange(64) < 16, 1 - data.y_test, data.y_test))
    assert "test accuracy 0.75" in features.classifier(flipped, seed=0).name


def test_labels_may_be_of_any_kind_and_images_floating_point(data, images):
    names = np.array(["upper", "lower"])
    named = datasets.StoredData(
        "halves", data.x_train / np.float32(255), names[data.y_train], images, names[data.y_test]
    )
    assert "test accuracy 1.00" in features.classifier(named, seed=0).name


def test_a_classifier_is_a_function_of_the_seed_and_leaves_global_ones_alone(data, images):
    keras.utils.set_random_seed(5)
    once = features.classifier(data, seed=1)(images)
    drawn = random.random(), np.random.random(), keras.random.uniform([]), tf.random.uniform([])  # noqa: NPY002
    keras.utils.set_random_seed(5)
    expected = random.random(), np.random.random(), keras.random.uniform([]), tf.random.uniform([])  # noqa: NPY002
    assert [float(value) for value in drawn] == [float(value) for value in expected]
    keras.utils.set_random_seed(6)
    np.testing.assert_array_equal(features.classifier(data, seed=1)(images), once)
    assert not np.array_equal(features.classifier(data, seed=2)(images), once)


def test_a_classifier_learns_so_many_examples_at_most(data, monkeypatch):
    monkeypatch.setattr(classifier, "EXAMPLES", 100)
    learned = []
    fit = keras.Model.fit
    monkeypatch.setattr(keras.Model, "fit", lambda *args, **rest: learned.append(len(args[1])) or fit(*args, **rest))
    features.classifier(data, seed=0)
    assert set(learned) == {100}


def test_data_that_no_classifier_learns_are_refused(data):
    flat = {name: getattr(data, name).reshape(-1, 64) for name in ("x_train", "x_test")}
    with pytest.raises(InputError, match=r"the examples of halves have shape \(64,\)"):
        features.classifier(data._replace(**flat), seed=0)
    for name in ("y_train", "y_test"):
        with pytest.raises(InputError, match="halves has no labels for a classifier to learn"):
            features.classifier(data._replace(**{name: None}), seed=0)
    with pytest.raises(InputError, match="has the one label 0 "):
        features.classifier(data._replace(y_train=0 * data.y_train), seed=0)
    with pytest.raises(InputError, match="has the label 2 in y_test, but not in y_train"):
        features.classifier(data._replace(y_test=data.y_test + 1), seed=0)


# ----- InceptionV3


def test_inception_gives_2048_features_of_grey_and_colour_images(images, random_weights):
    space = features.inception()
    assert space.name == "InceptionV3 (keras.applications, imagenet)"
    grey = space(images[:2])
    assert (grey.shape, grey.dtype) == ((2, 2048), np.float32)
    np.testing.assert_array_equal(space(np.repeat(images[:2], 3, axis=-1)), grey)
    assert not np.allclose(grey[0], grey[1], rtol=1e-6)


def test_inception_sees_299_x_299_pixels_in_three_channels_from_minus_1_to_1(images, monkeypatch):
    seen = []
    monkeypatch.setattr(
        keras.applications, "InceptionV3", lambda **arguments: lambda x, training: seen.append(x) or x[:, 0, 0]
    )
    space = features.inception()
    space(images[:3])
    assert seen[0].shape == (3, 299, 299, 3)
    large = np.random.default_rng(0).random((1, 299, 299, 3), np.float32)
    space(large)
    np.testing.assert_allclose(seen[1], 2 * large - 1, atol=1e-6)
    checks = np.indices((598, 598)).sum(axis=0)[None, ..., None] % 2
    space(checks)
    np.testing.assert_allclose(seen[2][:, 2:-2, 2:-2], 0, atol=0.02)  # smoothed before it is made smaller


def test_without_weights_and_network_inception_is_refused_in_words(monkeypatch, tmp_path):
    def no_network(*arguments):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(file_utils, "urlretrieve", no_network)
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    before = socket.getdefaulttimeout()
    with pytest.raises(
        InputError, match=r"InceptionV3 could not be loaded \(.*Name or service not known\): connect to"
    ):
        features.inception()
    assert socket.getdefaulttimeout() == before


def test_inception_is_asked_for_its_imagenet_weights_and_waits_for_some_seconds_only(monkeypatch):
    asked = []
    monkeypatch.setattr(
        keras.applications, "InceptionV3", lambda **arguments: asked.append((arguments, socket.getdefaulttimeout()))
    )
    features.inception()
    assert asked == [({"include_top": False, "pooling": "avg", "weights": "imagenet"}, features.PATIENCE)]


# ----- A Keras model


def test_any_keras_model_gives_features_and_its_file_the_name(images, save):
    path = save(keras.layers.AveragePooling2D(4), keras.layers.Rescaling(2.0))
    space = features.from_keras(path, (8, 8, 1))
    assert space.name == "mine.keras"
    expected = 2 * images.reshape(64, 2, 4, 2, 4).mean(axis=(2, 4)).reshape(64, 4)
    np.testing.assert_allclose(space(images), expected, rtol=1e-5)


def test_a_model_of_other_images_is_refused(save):
    for shape in ((8, 8, 3), (9, 8, 1), (64,)):
        path = save(keras.layers.Flatten(), shape=shape)
        with pytest.raises(InputError, match=r"mine.keras does not take images of shape \(8, 8, 1\)"):
            features.from_keras(path, (8, 8, 1))


def test_a_model_of_images_of_any_size_is_taken(images, save):
    path = save(keras.layers.GlobalAveragePooling2D(), shape=(None, None, 1))
    np.testing.assert_allclose(features.from_keras(path, (8, 8, 1))(images), images.mean(axis=(1, 2)), rtol=1e-5)


def test_a_model_of_several_outputs_is_refused(tmp_path):
    x = keras.Input((8, 8, 1))
    keras.Model(x, [x, x]).save(tmp_path / "two.keras")
    with pytest.raises(InputError, match="give a model with one output"):
        features.from_keras(tmp_path / "two.keras", (8, 8, 1))


def test_a_file_that_is_missing_or_damaged_is_refused(save, tmp_path):
    with pytest.raises(InputError, match=r"There is no file .*none.keras"):
        features.from_keras(tmp_path / "none.keras", (8, 8, 1))
    path = save(keras.layers.Flatten())
    with open(path, "rb") as file:
        whole = file.read()
    for damaged in (b"", whole[:300], b"\x89HDF" + whole[4:100], whole.replace(b"config.json", b"confiX.json")):
        with open(path, "wb") as file:
            file.write(damaged)
        with pytest.raises(InputError, match=r"mine.keras (is damaged|cannot be loaded) \("):
            features.from_keras(path, (8, 8, 1))


def test_code_in_a_file_is_not_run(save):
    path = save(keras.layers.Lambda(lambda x: x))
    with pytest.raises(InputError, match="cannot be loaded"):
        features.from_keras(path, (8, 8, 1))


# ----- The choice


def test_the_choice_is_by_name_or_by_file(data, save, random_weights):
    assert features.chosen("inception", data, seed=0).name.startswith("InceptionV3")
    assert features.chosen("auto", data, seed=0).name.startswith("InceptionV3")
    assert features.chosen("classifier", data, seed=0).name.startswith("classifier trained on halves")
    assert features.chosen(save(keras.layers.Flatten()), data, seed=0).name == "mine.keras"
    with pytest.raises(InputError, match="There is no feature space 'vgg'"):
        features.chosen("vgg", data, seed=0)


def test_without_its_weights_auto_takes_the_classifier(data, no_weights):
    assert features.chosen("auto", data, seed=0).name.startswith("classifier trained on halves")
    with pytest.raises(InputError, match="could not be loaded"):
        features.chosen("inception", data, seed=0)


def test_batches_change_nothing(images, save, monkeypatch):
    space = features.from_keras(save(keras.layers.Flatten()), (8, 8, 1))
    monkeypatch.setattr(features, "BATCH", 7)
    np.testing.assert_array_equal(space(images), images.reshape(64, 64))
