import numpy as np
import pytest

from vae_tf.training.watching.row_names import beside


def ink(picture: np.ndarray, rows: int) -> list[int]:
    """How much darker than white each row of a picture is."""
    height = picture.shape[0] // rows
    return [int((255 - picture[row * height : (row + 1) * height].astype(int)).sum()) for row in range(rows)]


@pytest.fixture
def sheet() -> np.ndarray:
    return np.full((60, 40, 1), 255, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_grid_stands_as_it_is_to_the_right_of_dark_names(rng, channels):
    sheet = rng.integers(0, 256, (60, 40, channels), dtype=np.uint8)
    picture = beside(sheet, ["cat", "dog"])
    assert picture.dtype == np.uint8
    assert picture.shape[0] == 60
    assert picture.shape[2] == channels
    np.testing.assert_array_equal(picture[:, -40:], sheet)
    assert min(ink(picture[:, :-40], 2)) > 0
    assert picture[:, :-40].min() < 100


def test_each_name_is_beside_its_row(sheet):
    first, second, third = ink(beside(sheet, ["i", "www", ""]), 3)
    assert 0 < first < second
    assert third > 0  # a row without a name has its number


def test_a_name_that_the_font_has_no_letters_for_is_its_number(sheet):
    np.testing.assert_array_equal(beside(sheet, ["zero", "一", "二"]), beside(sheet, ["zero", "1", "2"]))
    assert not np.array_equal(beside(sheet, ["zero", "äñ", "кот"]), beside(sheet, ["zero", "1", "2"]))


def test_a_long_name_is_cut_and_a_name_of_several_lines_is_one(sheet):
    np.testing.assert_array_equal(beside(sheet, ["w" * 500]), beside(sheet, ["w" * 15 + "…"]))
    np.testing.assert_array_equal(beside(sheet, [" black\n\tcat "]), beside(sheet, ["black cat"]))


def test_what_stands_below_is_whole_and_moves_nothing(sheet):
    without, picture = beside(sheet, ["a", "b"]), beside(sheet, ["a", "b"], "the first 2 of 1,000 labels")
    height, width, _ = without.shape
    np.testing.assert_array_equal(picture[:height, :width], without)
    assert ink(picture[height:], 1)[0] > 0
    assert (picture[:, -1] == 255).all()  # nothing is cut off
    assert picture.shape[1] > width


def test_the_smallest_grid_has_names():
    assert beside(np.zeros((3, 3, 1), np.uint8), ["0"]).shape[1] > 3
