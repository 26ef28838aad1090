import zipfile

import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.training import datasets


class Pickled:
    """Leaves a trace when it is unpickled."""

    unpickled = False

    def __setstate__(self, state):
        type(self).unpickled = True

    def __getstate__(self):
        return {"a": 1}


@pytest.fixture
def objects(monkeypatch):
    monkeypatch.setattr(Pickled, "unpickled", False)
    return np.array([Pickled(), Pickled()], dtype=object)


def test_an_npy_file_holds_examples(tmp_path, rng):
    x = rng.normal(size=(30, 5))
    np.save(tmp_path / "x.npy", x)
    data = datasets.load(str(tmp_path / "x.npy"))
    assert (data.x_train.shape, data.x_test.shape) == ((27, 5), (3, 5))
    assert data.y_train is None
    rows = {tuple(row) for row in np.concatenate([data.x_train, data.x_test])}
    assert rows == {tuple(row) for row in x.astype(np.float32)}


def test_other_arrays_of_an_npz_file_are_not_even_read(save_npz, objects):
    data = datasets.load(str(save_npz(x_train=np.zeros((20, 3)), more=objects)))
    assert data.x_train.shape == (18, 3)
    assert not Pickled.unpickled


def test_a_compressed_npz_file_is_read(tmp_path, rng):
    x = rng.integers(0, 256, (20, 3, 3), dtype=np.uint8)
    np.savez_compressed(tmp_path / "x.npz", x_train=x, x_test=x)
    np.testing.assert_array_equal(datasets.load(str(tmp_path / "x.npz")).x_train[..., 0], x)


def test_an_npz_file_without_x_train_is_refused(save_npz):
    with pytest.raises(InputError, match=r"data\.npz has no array x_train: save it as np\.savez\(path, x_train="):
        datasets.load(str(save_npz(images=np.zeros((20, 3)))))


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_pickled_objects_are_refused_unopened(save_npz, objects, key):
    arrays = {"x_train": np.zeros((2, 3)), "x_test": np.zeros((2, 3)), key: objects}
    with pytest.raises(InputError, match=rf"data\.npz: {key} holds pickled objects, which are refused: save plain"):
        datasets.load(str(save_npz(**arrays)))
    assert not Pickled.unpickled


def test_a_pickled_npy_file_is_refused_unopened(tmp_path, objects):
    np.save(tmp_path / "x.npy", objects)
    with pytest.raises(InputError, match=r"x\.npy: .*pickled objects, which are refused"):
        datasets.load(str(tmp_path / "x.npy"))
    assert not Pickled.unpickled


@pytest.mark.parametrize("suffix", ["npz", "npy"])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.9])
def test_a_truncated_file_is_refused_by_name(tmp_path, rng, suffix, share):
    path = tmp_path / f"x.{suffix}"
    x = rng.integers(0, 256, (20, 6, 6), dtype=np.uint8)
    np.savez(path, x_train=x, x_test=x) if suffix == "npz" else np.save(path, x)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=rf"x\.{suffix}: the file (cannot be read|holds pickled)"):
        datasets.load(str(path))


def test_a_damaged_array_is_refused_by_name(save_npz, rng):
    path = save_npz(x_train=rng.integers(0, 256, (20, 6, 6), dtype=np.uint8), x_test=np.zeros((2, 6, 6), np.uint8))
    content = bytearray(path.read_bytes())
    content[400:420] = bytes(20)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"data\.npz: x_train cannot be read \(.*CRC.*\): it is truncated or no NumPy"):
        datasets.load(str(path))


def test_files_that_are_no_numpy_files_are_refused(tmp_path):
    for name in ("text.npz", "text.npy"):
        (tmp_path / name).write_text("These are not the numbers you are looking for.")
        with pytest.raises(InputError, match=name):
            datasets.load(str(tmp_path / name))


def test_files_with_the_other_suffix_are_refused(tmp_path):
    with open(tmp_path / "array.npz", "wb") as file:
        np.save(file, np.zeros((20, 3)))
    with open(tmp_path / "archive.npy", "wb") as file:
        np.savez(file, x_train=np.zeros((20, 3)))
    for name in ("array.npz", "archive.npy"):
        with pytest.raises(InputError, match=name):
            datasets.load(str(tmp_path / name))


def test_a_zip_file_whose_x_train_is_no_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("x_train.npy", "text")
    with pytest.raises(InputError, match=r"x\.npz: x_train"):
        datasets.load(str(tmp_path / "x.npz"))


@pytest.mark.parametrize("header", ["{'descr': '|u1', ", "{'descr': "])
def test_a_damaged_header_is_refused_by_name(tmp_path, header):
    content = header.encode().ljust(118) + b"\n"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(content).to_bytes(2, "little") + content)
    with pytest.raises(InputError, match=r"x\.npy: the file cannot be read"):
        datasets.load(str(tmp_path / "x.npy"))


def test_an_encrypted_member_is_refused_by_name(save_npz):
    path = save_npz(x_train=np.zeros((20, 3)))
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag of encryption in the member's header, and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"data\.npz: x_train cannot be read \(.*encrypted"):
        datasets.load(str(path))
