import itertools

import numpy as np
import pytest

from vae_tf.training import datasets
from vae_tf.training.datasets import sprites

VALUES = {"shape": 3, "scale": 6, "rotation": 10, "x": 15, "y": 15}
SQUARE, ELLIPSE, HEART = range(3)


@pytest.fixture(scope="module")
def data() -> datasets.StoredData:
    return datasets.load("sprites")


@pytest.fixture(scope="module")
def pictures(data) -> np.ndarray:
    """The test images as [N, 32, 32], white 1."""
    return data.x_test[..., 0].astype(np.float64) / 255


@pytest.fixture(scope="module")
def fine():
    """A shape on 64 times as many pixels, its side 320 of them: [., .] and its coordinates, y upwards."""

    def drawn(shape, angle=0.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sprites, "SIZE", 640)
            return sprites._mask(shape, 320.0, angle)

    line = (np.arange(640) - 319.5) / 320
    return drawn, *np.meshgrid(line, -line)


def test_the_grid_is_complete_and_no_two_images_are_equal(data):
    x = np.concatenate([data.x_train, data.x_test])
    assert len(x) == np.prod(list(VALUES.values())) == 40_500
    assert len({image.tobytes() for image in x}) == 40_500


def test_images_are_binary_and_a_tenth_of_them_test(data):
    assert (data.x_train.shape, data.x_test.shape) == ((36_450, 32, 32, 1), (4_050, 32, 32, 1))
    assert data.x_train.dtype == data.x_test.dtype == np.uint8
    assert np.unique(data.x_train).tolist() == np.unique(data.x_test).tolist() == [0, 255]


def test_the_factors_are_the_integers_of_the_test_images(data):
    assert list(data.factors_test) == list(VALUES)
    for name, values in data.factors_test.items():
        assert values.shape == (4_050,)
        assert np.issubdtype(values.dtype, np.integer)
        counts = np.bincount(values, minlength=VALUES[name])
        assert len(counts) == VALUES[name]
        share = 1 / VALUES[name]  # a draw without replacement: within 5 standard errors of a binomial one
        np.testing.assert_allclose(counts, 4_050 * share, atol=5 * np.sqrt(4_050 * share * (1 - share)))


def test_the_label_is_the_shape(data):
    np.testing.assert_array_equal(data.y_test, data.factors_test["shape"])
    assert np.bincount(np.concatenate([data.y_train, data.y_test])).tolist() == [13_500] * 3
    assert len(set(data.y_train[:100])) == 3  # they are shuffled


def test_it_is_always_the_same(data):
    again = datasets.load("sprites")
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))
    for name in VALUES:
        np.testing.assert_array_equal(data.factors_test[name], again.factors_test[name])


def test_the_centroid_follows_x_and_y_pixel_by_pixel(data, pictures):
    rows, columns = np.indices((32, 32))
    area = pictures.sum(axis=(1, 2))
    for name, places in (("x", columns), ("y", rows)):
        centroid = (pictures * places).sum(axis=(1, 2)) / area
        np.testing.assert_allclose(centroid - data.factors_test[name], 8.25, atol=0.3)  # 15.5 - 7 - 0.25


def test_a_shape_is_moved_and_never_cut(data, pictures):
    assert not pictures[:, [0, -1]].any()
    assert not pictures[:, :, [0, -1]].any()
    form = np.stack([data.factors_test[name] for name in ("shape", "scale", "rotation")], axis=1)
    _, which = np.unique(form, axis=0, return_inverse=True)
    moved = [
        np.roll(image, (-y, -x), axis=(0, 1))
        for image, x, y in zip(pictures, data.factors_test["x"], data.factors_test["y"], strict=True)
    ]
    for number in range(which.max() + 1):
        one, *others = (moved[i] for i in np.flatnonzero(which == number))
        assert all(np.array_equal(one, other) for other in others)


def test_the_area_is_the_square_of_the_scale_whatever_the_shape(data, pictures):
    area = pictures.sum(axis=(1, 2))
    for shape, scale in itertools.product(range(3), range(6)):
        of = (data.factors_test["shape"] == shape) & (data.factors_test["scale"] == scale)
        assert area[of].mean() == pytest.approx((5 + scale) ** 2, rel=0.05)


def test_the_long_axis_of_an_ellipse_turns_anticlockwise_by_the_rotation(data, pictures):
    rows, columns = np.indices((32, 32))
    chosen = (data.factors_test["shape"] == ELLIPSE) & (data.factors_test["scale"] == 5)
    for image, rotation in zip(pictures[chosen], data.factors_test["rotation"][chosen], strict=True):
        xx, xy, _, yy = np.cov(columns[image == 1], -rows[image == 1]).ravel()
        assert np.degrees(np.arctan2(2 * xy, xx - yy) / 2) == pytest.approx(9 * rotation, abs=4)


@pytest.mark.parametrize("shape", sprites.SHAPES)
@pytest.mark.parametrize("angle", [0.0, 1.0])
def test_a_shape_of_many_pixels_has_its_side_squared_as_area_and_its_centroid_in_the_middle(fine, shape, angle):
    drawn, x, y = fine
    mask = drawn(shape, angle)
    assert mask.sum() / 320**2 == pytest.approx(1, abs=0.005)
    assert (x[mask].mean(), y[mask].mean()) == pytest.approx((0, 0), abs=0.002)


@pytest.mark.parametrize(("shape", "same"), [("square", True), ("ellipse", False), ("heart", False)])
def test_a_quarter_turn_leaves_the_square_alone_as_it_is(fine, shape, same):
    drawn, _, _ = fine
    differing = np.mean(drawn(shape) != drawn(shape, np.pi / 2))
    assert (differing < 0.005) == same


def test_the_heart_stands_on_its_point(fine):
    drawn, x, y = fine
    mask = drawn("heart")
    assert abs(x[mask][np.argmin(y[mask])]) < 0.01
    assert abs(x[mask][np.argmax(y[mask])]) > 0.2
    assert not mask[:, 320][y[:, 320] > 0.42].any()  # the cleft, between lobes that reach 0.47
    assert mask[y > 0.42].any()
