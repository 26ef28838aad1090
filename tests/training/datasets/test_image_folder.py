import os
import pathlib
import struct
import threading
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import EpsImagePlugin, Image, ImageOps

from vae_tf import InputError, serving
from vae_tf.training import datasets
from vae_tf.training.datasets import image_files, image_folder


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    path = tmp_path / "pictures"
    path.mkdir()
    return path


def write(path: pathlib.Path, pixels: np.ndarray, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)


def both(data: datasets.StoredData) -> np.ndarray:
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


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".PNG", ".JPG"])
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
        InputError,
        match=rf"pictures: 1 of 10 images cannot be used: 6\{suffix} \(it is .*\): repair or remove them\.$",
    ):
        datasets.load(str(folder))


def test_only_regular_files_are_read(folder):
    for i in range(10):
        write(folder / f"{i}.png", np.zeros((5, 4), np.uint8))
    os.mkfifo(folder / "pipe.png")
    (folder / "away.png").symlink_to("nowhere.png")
    (folder / "folder.png").mkdir()
    run = threading.Thread(target=lambda: datasets.load(str(folder)), daemon=True)
    run.start()
    run.join(60)
    assert not run.is_alive()  # whoever opens a pipe waits for its other end
    data = datasets.load(str(folder))
    assert len(both(data)) == 10
    assert data.skipped == 2  # the pipe and the link, as the folder is no file


def test_images_of_several_sizes_are_refused_with_all_sizes_and_the_option(folder):
    for name, shape in {"a": (5, 4), "b": (5, 4), "c": (4, 5), "d": (9, 9)}.items():
        write(folder / f"{name}.png", np.zeros(shape, np.uint8))
    text(folder / "e.png")
    with pytest.raises(InputError) as error:
        datasets.load(str(folder))
    for part in (
        "images of 3 sizes: 4 x 5 (2, such as a.png), 5 x 4 (1, such as c.png), 9 x 9 (1, such as d.png)",
        "--image_size 64",
        "1 more cannot be used: e.png (it is no PNG",
    ):
        assert part in str(error.value)


def test_sizes_are_compared_before_anything_is_decoded(folder, monkeypatch):
    for i in range(3):
        write(folder / f"{i}.png", np.zeros((1_000, 1_000 + i), np.uint8))
    monkeypatch.setattr(image_files, "pixels", lambda *_: pytest.fail("decoded"))
    with pytest.raises(InputError, match="images of 3 sizes"):
        datasets.load(str(folder))


def test_images_of_16_bits_are_refused_by_name_and_not_clipped(folder):
    for i in range(10):
        write(folder / f"{i}.png", np.full((5, 4), 1000 * i + 1, np.uint16))
    with pytest.raises(InputError, match=r"10 of 10 images cannot be used: 0\.png .* 8 bits a channel\), 1\.png"):
        datasets.load(str(folder))


def test_all_bad_files_are_named_in_one_run_and_many_are_counted(folder, rng):
    for i in range(40):
        write(folder / f"{i:02d}.png", rng.integers(0, 256, (9, 8), dtype=np.uint8))
    text(folder / "03.png")
    truncated(folder / "07.png")  # its header is whole
    with pytest.raises(InputError, match=r"2 of 40 images .*: 03\.png \(it is no .*\), 07\.png \(it is damaged: "):
        datasets.load(str(folder))
    for i in range(30):
        empty(folder / f"{i:02d}.png")
    with pytest.raises(InputError, match=r"30 of 40 images .*, 19\.png \([^)]*\) and 10 more: repair or remove them"):
        datasets.load(str(folder))


def test_another_format_behind_the_suffix_of_an_image_is_not_opened(folder, monkeypatch):
    write(folder / "0.png", np.zeros((5, 4), np.uint8))
    (folder / "1.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 5\n%%EndComments\nshowpage\n%%EOF\n")
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript ran"))
    with pytest.raises(InputError, match=r"1\.png \(it is no PNG, JPEG, WebP or BMP file\)"):
        datasets.load(str(folder))


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "ICO", "PPM", "JPEG2000", "TGA", "PCX"])
def test_formats_that_are_not_named_are_refused(folder, kind):
    Image.new("RGB", (16, 16)).save(folder / "0.png", kind)
    with pytest.raises(InputError, match="it is no PNG, JPEG, WebP or BMP file"):
        datasets.load(str(folder))


def test_a_jpeg_behind_the_suffix_of_a_png_is_read(folder):
    for i in range(10):
        Image.new("L", (4, 5), 200).save(folder / f"{i}.png", "JPEG")
    assert abs(both(datasets.load(str(folder))).astype(int) - 200).max() <= 2


def test_too_many_pixels_are_refused_by_the_header(folder, monkeypatch):
    monkeypatch.setattr(image_files, "MOST_PIXELS", 19)
    write(folder / "0.png", np.zeros((5, 4), np.uint8))
    with pytest.raises(InputError, match=r"0\.png \(4 x 5 pixels are more than"):
        datasets.load(str(folder))
    write(folder / "0.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="a tenth of 1 examples"):
        datasets.load(str(folder))


@pytest.mark.parametrize("side", [13_000, 60_000])
def test_a_header_that_claims_too_many_pixels_is_refused_undecoded(folder, side):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    (folder / "0.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + b"\0\0\0\0IDAT" * 2
    )
    with pytest.raises(InputError, match=r"0\.png \(.* more than 67 million"):
        datasets.load(str(folder))


@pytest.mark.parametrize("size", [8, None])
def test_a_transparent_image_takes_little_more_memory_than_its_pixels(folder, fresh_process, size):
    side = 4_000
    for mode in ("RGBA", "LA"):
        Image.new(mode, (side, side)).save(folder / f"{mode}.png", compress_level=1)
    read = f"image_files.pixels(pathlib.Path('{folder}') / name, name == 'LA.png', {size})"
    answer = fresh_process(
        f"""
        import pathlib, resource
        from vae_tf.training.datasets import image_files
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for name in ("LA.png", "RGBA.png"):
            assert (({read}) == 255).all()
        print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
        """
    )
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout) < (10 if size is None else 9) * side**2 * 1.15  # Pillow has 4 bytes a pixel


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
@pytest.mark.parametrize("is_grey", [True, False])
def test_transparency_is_taken_out_by_rows_as_at_once(folder, rng, monkeypatch, mode, is_grey):
    pixels = Image.fromarray(rng.integers(0, 256, (13, 7, 4), dtype=np.uint8))
    about = {} if mode in ("RGBA", "LA") else {"transparency": (7, 7, 7) if mode == "RGB" else 7}
    pixels.convert("RGB" if mode == "P" else mode).convert(mode).save(folder / "0.png", **about)
    at_once = image_files.pixels(folder / "0.png", is_grey)
    with Image.open(folder / "0.png") as image:
        assert image.has_transparency_data
        *values, alpha = np.moveaxis(np.asarray(image.convert("LA" if is_grey else "RGBA"), float), -1, 0)
    expected = np.rint(255 - alpha[..., None] / 255 * (255 - np.stack(values, -1)))
    np.testing.assert_array_equal(at_once, expected)
    monkeypatch.setattr(image_files, "ROWS", 3 * 7)
    np.testing.assert_array_equal(image_files.pixels(folder / "0.png", is_grey), at_once)


def test_a_photograph_of_a_camera_is_decoded_at_half_its_size(folder, monkeypatch, rng):
    x, y = np.meshgrid(np.arange(240), np.arange(160))
    Image.fromarray(np.uint8(np.stack([x, y, (x + y) // 2], -1))).save(folder / "0.jpg", quality=95)
    whole = image_files.pixels(folder / "0.jpg", False, 16)
    decoded = []
    on_white = image_files._on_white
    monkeypatch.setattr(
        image_files, "_on_white", lambda image, is_grey: on_white(decoded.append(image) or image, is_grey)
    )
    monkeypatch.setattr(image_files.serving.images, "MOST_PIXELS", 240 * 160 - 1)
    half = image_files.pixels(folder / "0.jpg", False, 16)
    assert decoded[0].size == (120, 80)
    np.testing.assert_allclose(half.astype(int), whole, atol=3)
    assert image_files.pixels(folder / "0.jpg", False).shape == (160, 240, 3)


def test_more_than_the_memory_holds_is_refused(folder, monkeypatch):
    monkeypatch.setattr(image_folder.memory, "total", lambda: 4 * 199)
    for i in range(10):
        write(folder / f"{i}.png", np.zeros((5, 4), np.uint8))
    with pytest.raises(InputError, match=r"holds 10 images of 4 x 5 pixels, .* more than 25% of this machine's memory"):
        datasets.load(str(folder))
    monkeypatch.setattr(image_folder.memory, "total", lambda: 4 * 200)
    assert len(both(datasets.load(str(folder)))) == 10


# ----- what is in the folder


def test_hidden_files_are_not_read_and_others_are_counted(folder):
    for i in range(10):
        write(folder / f"{i}.png", np.zeros((5, 4), np.uint8))
    for name in ("._0.png", ".hidden/1.png", "__MACOSX/2.png", ".DS_Store", "notes.txt", "more/table.csv"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        text(path)
    data = datasets.load(str(folder))
    assert len(both(data)) == 10
    assert data.skipped == 2
    assert data.y_train is None


def test_classes_keep_their_names(folder):
    for name in ("dog", "cat", "ant"):
        for i in range(10):
            write(folder / "all" / name / f"{i}.png", np.full((2, 2), len(name) + ord(name[0]), np.uint8))
    data = datasets.load(str(folder))
    assert data.class_names == ("ant", "cat", "dog")
    assert [data.class_names[label] for label in data.y_test] == ["ant", "cat", "dog"]
    np.testing.assert_array_equal(data.x_test[:, 0, 0, 0], [3 + ord(letter) for letter in "acd"])
    assert datasets.validation_split(data, 0.2, 0).class_names == data.class_names


@pytest.mark.parametrize("others", [["test"], ["test", "val"], ["valid"], []])
def test_train_and_test_folders_are_splits(folder, others):
    for number, part in enumerate(["train", *others]):
        for label, name in enumerate(["cat", "dog"]):
            for i in range(10):
                write(folder / part / name / f"{i}.png", np.full((2, 2), 10 * number + label, np.uint8))
    data = datasets.load(str(folder))
    assert data.class_names == ("cat", "dog")
    assert len(data.x_train) == (20 if "test" in others else 18)
    assert (data.x_validation is not None) == (others[-1:] in (["val"], ["valid"]))
    for number, part in enumerate(["train", *others]):
        key = {"val": "validation", "valid": "validation"}.get(part, part)
        x, y = getattr(data, f"x_{key}"), getattr(data, f"y_{key}")
        np.testing.assert_array_equal(x[:, 0, 0, 0], 10 * number + y)
    splits = datasets.validation_split(data, 0.1, 0)
    if data.x_validation is not None:
        assert splits.x_train is data.x_train
        assert splits.x_validation is data.x_validation
        assert splits.y_validation is data.y_validation
        assert datasets.validation_split(data, "test", 0).x_validation is data.x_test
    else:
        assert len(splits.x_train) == 18 - 2 * ("test" not in others)


def test_splits_without_classes_have_no_labels(folder):
    for part in ("Train", "test"):
        for i in range(10):
            write(folder / part / f"{i}.png", np.full((2, 2), len(part), np.uint8))
    data = datasets.load(str(folder))
    assert (len(data.x_train), len(data.x_test)) == (10, 10)
    assert (data.x_train[0, 0, 0, 0], data.x_test[0, 0, 0, 0]) == (5, 4)
    assert data.y_train is data.y_test is data.class_names is None


def test_a_test_folder_without_classes_has_no_labels(folder):
    for name in ("train/cat/0", "train/dog/0", "test/0"):
        write(folder / f"{name}.png", np.zeros((2, 2), np.uint8))
    data = datasets.load(str(folder))
    assert data.y_train.tolist() == [0, 1]
    assert data.y_test is None


@pytest.mark.parametrize("names", [["train", "bus"], ["valid", "invalid"]])
def test_one_folder_that_is_called_like_a_split_is_a_class(folder, names):
    for name in names:
        for i in range(10):
            write(folder / name / f"{i}.png", np.zeros((2, 2), np.uint8))
    assert datasets.load(str(folder)).class_names == tuple(sorted(names))


@pytest.mark.parametrize("names", [["train", "test", "extra"], ["test", "val"]])
def test_splits_beside_others_or_without_train_are_refused(folder, names):
    for name in names:
        write(folder / name / "0.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(InputError, match=rf"holds the sub-folders {', '.join(sorted(names))}: give train with test"):
        datasets.load(str(folder))


@pytest.mark.parametrize("loose", ["a.png", "cat/a.png"])
def test_images_beside_sub_folders_are_refused(folder, loose):
    for name in ("cat/one/0.png", "dog/0.png", loose):
        write(folder / name, np.zeros((2, 2), np.uint8))
    with pytest.raises(InputError, match=rf"holds 1 images beside sub-folders with images: {loose}\. Sub-folders are"):
        datasets.load(str(folder))


# ----- what a model sees


@pytest.mark.parametrize("name", ["0.png", "0.webp"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_on_white(folder, name, mode):
    alpha = np.uint8([[0, 255, 128]])
    pixels = np.stack([np.full_like(alpha, 200), np.zeros_like(alpha), np.zeros_like(alpha), alpha], -1)
    for i in range(10):
        image = Image.fromarray(pixels if mode == "RGBA" else pixels[..., [0, 3]])
        image.save(folder / f"{i}{name[1:]}", lossless=True, exact=True)
    data = datasets.load(str(folder))
    # 128 of 255 parts of the value and 127 of 255 parts of white
    red, other = round((128 * 200 + 127 * 255) / 255), round(127 * 255 / 255)
    colours = [[255, 255, 255], [200, 0, 0], [red, other, other]]
    if mode == "LA" and name == "0.png":  # a WebP file knows no grey
        np.testing.assert_array_equal(data.x_train[0, 0, :, 0], [255, 200, red])
    elif mode == "RGBA":
        np.testing.assert_array_equal(data.x_train[0, 0], colours)


def test_a_transparent_colour_is_on_white(folder):
    for i in range(10):
        Image.fromarray(np.uint8([[7, 9]])).save(folder / f"{i}.png", transparency=7)
    np.testing.assert_array_equal(datasets.load(str(folder)).x_train[0, 0, :, 0], [255, 9])


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
@pytest.mark.parametrize("orientation", range(10))
def test_images_are_upright(folder, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    corner = np.zeros((32, 16), np.uint8)
    corner[:16, :8] = 255
    for i in range(10):
        Image.fromarray(corner).save(folder / f"{i}.{kind}", exif=exif)
    with Image.open(folder / f"0.{kind}") as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("L"))
    found = datasets.load(str(folder)).x_train[0, ..., 0]
    assert found.shape == ((32, 16) if orientation in (0, 1, 2, 3, 4, 9) else (16, 32))
    np.testing.assert_allclose(found.astype(int), expected, atol=3)  # greys of colours


def test_an_orientation_decides_which_sizes_are_equal(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    for i in range(9):
        Image.new("L", (4, 8)).save(folder / f"{i}.png")
    Image.new("L", (8, 4)).save(folder / "9.png", exif=exif)
    assert datasets.load(str(folder)).x_train.shape == (9, 8, 4, 1)


def test_image_size_takes_the_square_in_the_middle(folder):
    wide = np.zeros((8, 20), np.uint8)
    wide[:, 6:14] = 90
    for i in range(5):
        write(folder / f"{i}.png", wide)
        write(folder / f"{i + 5}.png", np.full((4, 4), 90, np.uint8))
    x = both(datasets.load(str(folder), image_size=4))
    np.testing.assert_array_equal(x, np.full((10, 4, 4, 1), 90))


def test_image_size_averages_what_it_makes_smaller(folder, rng):
    for i in range(10):
        write(folder / f"{i}.png", np.tile(np.uint8([[0, 100], [200, 100]]), (16, 16)))
    np.testing.assert_allclose(both(datasets.load(str(folder), image_size=4)), 100, atol=2)


@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
def test_a_served_model_sees_the_images_that_it_was_trained_on(folder, rng, mode):
    exif = Image.Exif()
    exif[0x0112] = 6
    for i in range(10):
        pixels = rng.integers(0, 256, (24, 40, 4), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{i}.png", exif=exif)
    trained = both(datasets.load(str(folder), image_size=8))
    files = [(folder / f"{i}.png").read_bytes() for i in range(10)]
    served = 255 * serving.images.decoded(tf.constant(files), (8, 8, 3)).numpy()
    distances = abs(trained[:, None] - served).max((2, 3, 4))  # of each image to each other one
    np.testing.assert_array_less(distances.min(0), 1.5)  # Pillow rounds twice
    assert (np.sort(distances, 0)[1] > 20).all()


def test_image_size_is_for_folders(folder, save_npz):
    path = str(save_npz(x_train=np.zeros((20, 4, 4), np.uint8)))
    assert datasets.load(path, image_size=4).x_train.shape == (18, 4, 4, 1)
    with pytest.raises(InputError, match=r"image_size is 8, but .* holds examples of shape \(4, 4, 1\), and only"):
        datasets.load(path, image_size=8)
    with pytest.raises(InputError, match="image_size is 0: give at least 1 pixel"):
        datasets.load(str(folder), image_size=0)


def test_grey_images_with_transparency_are_grey(folder):
    for i in range(10):
        write(folder / f"{i}.png", np.full((5, 4), 7, np.uint8), "LA")
    np.testing.assert_array_equal(both(datasets.load(str(folder))), np.full((10, 5, 4, 1), 7))
