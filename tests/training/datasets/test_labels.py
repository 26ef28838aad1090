import json
import os

import numpy as np
import pytest

from vae_tf.errors import InputError
from vae_tf.training import datasets
from vae_tf.training.datasets import Labels
from vae_tf.training.datasets.arrays import arrays


def data(y_train, y_test=None, **changes):
    x = np.zeros((len(y_train), 3), np.float32)
    x_test = None if y_test is None else np.zeros((len(y_test), 3), np.float32)
    y_test = None if y_test is None else np.asarray(y_test)
    return arrays("data", x, np.asarray(y_train), x_test, y_test)._replace(**changes)


@pytest.mark.parametrize(
    ("y", "names"),
    [
        ([10, 9, 2], ("2", "9", "10")),
        ([3.0, 1.0, 2.0], ("1", "2", "3")),
        (["cat", "ant", "cat"], ("ant", "cat")),
        ([b"cat", b"ant", b"ant"], ("ant", "cat")),
        ([True, False, True], ("False", "True")),
    ],
)
def test_labels_are_called_what_the_data_call_them(y, names):
    labels = Labels.of(data(y, y))
    assert labels.names == names
    numbers = labels.numbers(np.asarray(y), None, "y")
    assert numbers.dtype == np.int32
    assert [names[number] for number in numbers] == datasets.label_names(np.asarray(y), None).tolist()


def test_labels_of_all_parts_and_all_classes_have_a_number():
    assert Labels.of(data([1, 2], [3, 1])).names == ("1", "2", "3")
    assert Labels.of(data([0, 1], [0, 1], class_names=("ant", "bee", "cat"))).names == ("ant", "bee", "cat")


def test_labels_of_other_data_go_by_their_names():
    labels = Labels(("ant", "bee", "cat"))
    np.testing.assert_array_equal(labels.numbers(np.array([0, 1]), ("cat", "ant"), "y"), [2, 0])
    np.testing.assert_array_equal(labels.numbers(np.array(["bee"]), None, "y"), [1])
    assert labels.number("cat") == 2


def test_a_part_is_x_or_x_with_its_labels():
    loaded = data(["b", "a"], ["a"])
    assert datasets.part(loaded, "train", None) is loaded.x_train
    both = datasets.part(loaded, "train", Labels.of(loaded))
    assert both["x"] is loaded.x_train
    np.testing.assert_array_equal(both["label"], [1, 0])


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (
            np.array([0.5, 1]),
            r"y_train of data has dtype float64, such as 0.5, and a label is a whole number or a text",
        ),
        (np.array([np.nan, 1]), "such as nan"),
        (np.array([1j, 1]), "complex128"),
    ],
)
def test_what_is_no_class_is_refused(y, sentence):
    with pytest.raises(InputError, match=sentence):
        Labels.of(data(y, y))


def test_data_without_labels_are_refused():
    loaded = data([0, 1], [0])
    with pytest.raises(InputError, match=r"data has no labels, and the recipe has model\.condition: label"):
        Labels.of(loaded._replace(y_train=None))
    with pytest.raises(InputError, match="y_test of data is missing, and the model takes a label for each example"):
        datasets.part(loaded._replace(y_test=None), "test", Labels.of(loaded))
    with pytest.raises(InputError, match="texts for labels in one part and numbers in another"):
        Labels.of(data([0, 1], ["a"]))


def test_an_unknown_label_is_named():
    labels = Labels(("ant", "bee"))
    with pytest.raises(InputError, match=r"y_test holds the label 'been' \(did you mean 'bee'\?\), .*'ant', 'bee'"):
        labels.numbers(np.array(["ant", "been"]), None, "y_test")
    with pytest.raises(InputError, match=r"The label asked for is 'x', and the model was trained with 'ant', 'bee'"):
        labels.number("x")


def test_a_label_may_be_asked_for_by_its_number_if_no_name_looks_like_one():
    assert Labels(("ant", "bee", "cat")).number("1") == 1
    assert Labels(("2", "9", "10")).number("2") == 0
    for names in (("2", "9", "10"), ("-1", "ant"), ("0.5", "ant")):
        with pytest.raises(InputError, match="The label asked for is '1'"):
            Labels(names).number("1")
    for word in ("3", "-1", "01", "1.0", ""):
        with pytest.raises(InputError, match=f"The label asked for is {word!r}, and the model"):
            Labels(("ant", "bee", "cat")).number(word)


def test_names_are_written_and_read(tmp_path):
    labels = Labels(("Ärger", "1"))
    labels.write(tmp_path / "labels.json")
    assert Labels.read(tmp_path / "labels.json").names == labels.names


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"label": 3}', '{"label": [1, 2]}', '{"label": []}', "[" * 100_000]
)
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(InputError, match="label"):
        Labels.read(tmp_path / "labels.json")


def test_what_is_no_file_of_names_is_not_read(tmp_path):
    path = tmp_path / "labels.json"
    with pytest.raises(InputError, match="is missing"):
        Labels.read(path)
    os.mkfifo(path)  # would be waited for
    with pytest.raises(InputError, match="is missing"):
        Labels.read(path)
    path.unlink()
    with open(path, "wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputError, match=r"has 1,099,511,627,776 bytes, and names of labels take at most 4,194,304"):
        Labels.read(path)


@pytest.mark.parametrize(("names", "called"), [(["a", "a"], "called 'a', 'a'"), ([], "none")])
def test_equal_names_and_no_names_are_refused(tmp_path, names, called):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"label": names}))
    with pytest.raises(
        InputError, match=rf"{path} cannot be used: The labels are {called}: give at least one, and each"
    ):
        Labels.read(path)
