"""Every example of a source, in its order."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from vae_tf import InputError
from vae_tf.training import datasets
from vae_tf.training.datasets.rows import rows

SHAPE = (5, 4, 1)


@pytest.fixture
def x(rng) -> np.ndarray:
    return rng.integers(0, 256, (23, 5, 4, 1), dtype=np.uint8)


def test_an_array_file_is_read_in_its_order_and_nothing_is_set_aside(tmp_path, x):
    np.save(tmp_path / "x.npy", x[..., 0])
    found = rows(str(tmp_path / "x.npy"), SHAPE)
    np.testing.assert_array_equal(found.x, x)
    assert found.about() == {"index": range(23)}
    np.save(tmp_path / "one.npy", x[:1].astype(np.float64) / 255)
    one = rows(str(tmp_path / "one.npy"), SHAPE).x
    assert (one.shape, one.dtype) == ((1, *SHAPE), np.float32)


def test_arrays_by_name_come_training_set_first(tmp_path, x):
    np.savez(tmp_path / "both.npz", x_train=x[:20], x_test=x[20:])
    both = rows(str(tmp_path / "both.npz"), SHAPE)
    np.testing.assert_array_equal(both.x, x)
    assert both.sets == ["train"] * 20 + ["test"] * 3
    np.savez(tmp_path / "one.npz", x_train=x)
    one = rows(str(tmp_path / "one.npz"), SHAPE)
    np.testing.assert_array_equal(one.x, x)
    assert one.sets is None


def test_a_named_source_comes_as_it_is_loaded():
    data = datasets.load("digits-5k")
    found = rows("digits-5k", (28, 28, 1))
    np.testing.assert_array_equal(found.x, np.concatenate([data.x_train, data.x_test]))
    assert found.sets == ["train"] * 4000 + ["test"] * 1000


def test_images_of_a_folder_come_in_the_order_of_their_paths_wherever_they_are(tmp_path, x):
    names = ["a.png", "b/2.png", "b/10.png", "train/cat/0.png"]  # as text, 10 is before 2
    for name, pixels in zip(names, x, strict=False):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    found = rows(str(tmp_path), SHAPE)
    assert [str(file) for file in found.files] == ["a.png", "b/10.png", "b/2.png", "train/cat/0.png"]
    np.testing.assert_array_equal(found.x, x[[0, 2, 1, 3]])
    assert found.skipped == 1
    assert found.about() == {"index": range(4), "file": ["a.png", "b/10.png", "b/2.png", "train/cat/0.png"]}


@pytest.mark.parametrize("name", ["=1+1.png", "+1.png", "-1.png", "@a.png", "\t=1.png"])
def test_the_name_of_a_file_is_no_formula_of_a_spreadsheet(tmp_path, x, name):
    Image.fromarray(x[0, ..., 0]).save(tmp_path / name)
    found = rows(str(tmp_path), SHAPE)
    assert found.about()["file"] == [f"./{name}"]
    assert (tmp_path / found.about()["file"][0]).is_file()


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_a_folder_become_grey_or_colour_as_the_model_is(tmp_path, x, channels):
    for i in range(3):
        image = Image.fromarray(x[i, ..., 0])
        image.convert("RGB" if i == 1 else "L").save(tmp_path / f"{i}.png")
    found = rows(str(tmp_path), (5, 4, channels))
    np.testing.assert_array_equal(found.x, np.repeat(x[:3], channels, axis=-1))


def test_labels_are_those_of_the_source_if_they_are_asked_for(tmp_path, x):
    y = np.array(["ant", "bee"])[np.arange(23) % 2]
    np.savez(tmp_path / "one.npz", x_train=x, y_train=y[:, None])
    np.savez(tmp_path / "both.npz", x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    for name in ("one.npz", "both.npz"):
        found = rows(str(tmp_path / name), SHAPE, with_labels=True)
        np.testing.assert_array_equal(found.y, y)
        assert found.class_names is None
    assert rows(str(tmp_path / "one.npz"), SHAPE).y is None
    np.savez(tmp_path / "half.npz", x_train=x[:20], y_train=y[:20], x_test=x[20:])
    np.save(tmp_path / "x.npy", x)
    for name in ("half.npz", "x.npy"):
        assert rows(str(tmp_path / name), SHAPE, with_labels=True).y is None
    np.savez(tmp_path / "short.npz", x_train=x, y_train=y[:4])
    rows(str(tmp_path / "short.npz"), SHAPE)
    with pytest.raises(InputError, match=r"y_train has shape \(4,\) for 23 examples"):
        rows(str(tmp_path / "short.npz"), SHAPE, with_labels=True)


def save(folder, x, *names):
    for name, pixels in zip(names, x, strict=False):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(folder / name)
    return str(folder)


def test_labels_of_a_folder_are_its_classes_in_all_of_its_sets(tmp_path, x):
    folder = save(tmp_path / "classes", x, "bee/0.png", "ant/1.png", "ant/0.png")
    found = rows(folder, SHAPE, with_labels=True)
    assert found.class_names == ("ant", "bee")
    np.testing.assert_array_equal(found.y, [0, 0, 1])
    assert rows(folder, SHAPE).y is None
    folder = save(tmp_path / "sets", x, "train/ant/0.png", "train/bee/0.png", "test/bee/1.png")
    found = rows(folder, SHAPE, with_labels=True)
    assert [found.class_names[number] for number in found.y] == ["bee", "ant", "bee"]  # test comes before train
    for number, names in enumerate((["0.png"], ["ant/0.png"], ["train/ant/0.png", "train/bee/0.png", "test/0.png"])):
        found = rows(save(tmp_path / str(number), x, *names), SHAPE, with_labels=True)
        assert (found.y, found.class_names) == (None, None)
    folder = save(tmp_path / "loose", x, "0.png", "ant/0.png", "bee/0.png")
    assert len(rows(folder, SHAPE).x) == 3
    with pytest.raises(InputError, match="holds 1 images beside sub-folders"):
        rows(folder, SHAPE, with_labels=True)


def test_what_cannot_be_read_is_refused(tmp_path):
    for name in ("nothing.npy", "nothing"):
        with pytest.raises(InputError, match="There is no data"):
            rows(str(tmp_path / name), SHAPE)
    (tmp_path / "x.npy").write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be read"):
        rows(str(tmp_path / "x.npy"), SHAPE)
    pathlib.Path(tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no image"):
        rows(str(tmp_path / "empty"), SHAPE)
