import pathlib

import numpy as np
import pytest
from PIL import Image

from vae_tf import InputError
from vae_tf.training import datasets


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    path = tmp_path / "pictures"
    path.mkdir()
    return path


def write(path: pathlib.Path, pixels: np.ndarray, mode: str | None = None) -> None:
    path.parent.mkdir(exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)


def both(data: datasets.Arrays) -> np.ndarray:
    return np.concatenate([data.x_train, data.x_test])


def test_grey_images_keep_their_pixels(folder, rng):
    pixels = rng.integers(0, 256, (20, 5, 4), dtype=np.uint8)
    for i, image in enumerate(pixels):
        write(folder / f"{i:02d}.png", image)
    data = datasets.load(str(folder))
    assert data.x_train.dtype == np.uint8
    assert (data.x_train.shape, data.x_test.shape) == ((18, 5, 4, 1), (2, 5, 4, 1))
    assert data.y_train is None
    assert {image.tobytes() for image in both(data)} == {image.tobytes() for image in pixels}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".PNG", ".JPG"])
def test_each_kind_of_file_is_read(folder, suffix):
    for i in range(10):
        write(folder / f"{i}{suffix}", np.full((5, 4), 200, np.uint8))
    data = datasets.load(str(folder))
    assert data.x_train.shape[:3] == (9, 5, 4)
    assert abs(data.x_train.astype(int) - 200).max() <= 2  # a JPEG of one grey is that grey


def test_one_colour_image_makes_all_of_them_colour(folder, rng):
    pixels = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    for i in range(9):
        write(folder / f"{i}.png", np.full((5, 4), 7, np.uint8))
    write(folder / "colour.png", pixels)
    data = datasets.load(str(folder))
    images = {image.tobytes() for image in both(data)}
    assert images == {pixels.tobytes(), np.full((5, 4, 3), 7, np.uint8).tobytes()}


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_transparency_and_palettes_become_rgb(folder, mode):
    for i in range(10):
        write(folder / f"{i}.png", np.full((5, 4, 3), [255, 0, 51], np.uint8), mode)
    np.testing.assert_array_equal(both(datasets.load(str(folder))), np.full((10, 5, 4, 3), [255, 0, 51]))


def test_black_and_white_images_are_grey(folder):
    for i in range(10):
        write(folder / f"{i}.png", np.uint8([[0, 255], [255, 0]]), "1")
    np.testing.assert_array_equal(both(datasets.load(str(folder)))[0, ..., 0], [[0, 255], [255, 0]])


def test_sub_folders_are_classes_in_order(folder):
    for label, name in enumerate(["apple", "bread", "cheese"]):
        for i in range(10):
            write(folder / name / f"{i}.png", np.full((2, 2), 100 * label, np.uint8))
    data = datasets.load(str(folder))
    assert np.bincount(data.y_train).tolist() == [9, 9, 9]
    assert np.bincount(data.y_test).tolist() == [1, 1, 1]
    np.testing.assert_array_equal(data.x_train[:, 0, 0, 0], 100 * data.y_train)


def test_one_sub_folder_is_no_class(folder):
    for i in range(10):
        write(folder / "all" / f"{i}.png", np.zeros((2, 2), np.uint8))
    assert datasets.load(str(folder)).y_train is None


# ----- what is refused


def test_a_folder_without_images_is_refused(folder):
    with pytest.raises(InputError, match=r"pictures holds no image: give a folder of \.png, \.jpg"):
        datasets.load(str(folder))
    (folder / "notes.txt").write_text("no pictures")
    with pytest.raises(InputError, match="holds no image"):
        datasets.load(str(folder))


def truncated(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def corrupt(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    content[30:50] = bytes(20)
    path.write_bytes(content)


def text(path: pathlib.Path) -> None:
    path.write_text("no picture")


def empty(path: pathlib.Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [(".png", damage) for damage in (truncated, corrupt, text, empty)]
    + [(".jpg", damage) for damage in (truncated, text, empty)],  # a JPEG has no check sum
)
def test_a_corrupt_image_is_named(folder, rng, suffix, damage):
    for i in range(10):
        write(folder / f"{i}{suffix}", rng.integers(0, 256, (9, 8), dtype=np.uint8))
    damage(folder / f"6{suffix}")
    with pytest.raises(
        InputError, match=rf"pictures/6\{suffix} cannot be read as an image \(.*\): repair or remove it"
    ):
        datasets.load(str(folder))


def test_a_folder_that_is_called_like_an_image_is_named(folder):
    write(folder / "0.png", np.zeros((5, 4), np.uint8))
    (folder / "1.png").mkdir()
    with pytest.raises(InputError, match=r"pictures/1\.png cannot be read as an image"):
        datasets.load(str(folder))


def test_images_of_two_sizes_are_named_with_both(folder):
    for name, shape in {"a": (5, 4), "b": (5, 4), "c": (4, 5)}.items():
        write(folder / f"{name}.png", np.zeros(shape, np.uint8))
    with pytest.raises(
        InputError, match=r"c\.png is 5 x 4, but .*a\.png is 4 x 5 pixels: bring all images to one size"
    ):
        datasets.load(str(folder))


def test_images_of_16_bits_are_refused_by_name_and_not_clipped(folder):
    for i in range(10):
        write(folder / f"{i}.png", np.full((5, 4), 1000 * i + 1, np.uint16))
    with pytest.raises(InputError, match=r"pictures/0\.png.* 8 bits"):
        datasets.load(str(folder))


def test_grey_images_with_transparency_are_grey(folder):
    for i in range(10):
        write(folder / f"{i}.png", np.full((5, 4), 7, np.uint8), "LA")
    np.testing.assert_array_equal(both(datasets.load(str(folder))), np.full((10, 5, 4, 1), 7))
