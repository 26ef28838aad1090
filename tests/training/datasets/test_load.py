import pytest

from vae_tf import InputError
from vae_tf.training import datasets


@pytest.mark.parametrize(
    ("source", "nearest"),
    [("minst", "mnist"), ("fashion-mnist", "fashion_mnist"), ("cifar-10", "cifar10"), ("digits5k", "digits-5k")],
)
def test_an_unknown_name_is_refused_with_the_nearest(source, nearest):
    with pytest.raises(InputError, match=rf"There is no data '{source}' \(did you mean '{nearest}'\?\): give one of"):
        datasets.load(source)


def test_a_name_like_no_other_gets_the_list_alone():
    with pytest.raises(InputError, match="There is no data 'imagenet-21k': give one of digits-5k, mnist, ") as error:
        datasets.load("imagenet-21k")
    assert "did you mean" not in str(error.value)


@pytest.mark.parametrize("name", ["missing.npz", "missing.npy", "missing/", "no/such/folder.npz"])
def test_a_file_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"There is no data '.*': give one of .*an \.npz or \.npy file, or a folder"):
        datasets.load(str(tmp_path / name))


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "table.csv").write_text("1,2,3")
    with pytest.raises(InputError, match=r"table\.csv is a file of another kind: give an \.npz"):
        datasets.load(str(tmp_path / "table.csv"))
