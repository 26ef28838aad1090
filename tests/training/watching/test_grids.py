import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_tf import InputError, likelihoods, networks, objectives, posteriors, priors, random
from vae_tf.training.watching import grids

GAP = grids.GAP


def cells(sheet: np.ndarray, height: int, width: int) -> np.ndarray:
    """The images of a sheet, uint8 [rows, columns, height, width, channels]; what lies between them is white."""
    rows = (sheet.shape[0] - GAP) // (height + GAP)
    columns = (sheet.shape[1] - GAP) // (width + GAP)
    assert sheet.shape[:2] == (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP)
    gaps = np.ones(sheet.shape[:2], bool)
    found = np.empty((rows, columns, height, width, sheet.shape[2]), np.uint8)
    for i in range(rows):
        for j in range(columns):
            top, left = GAP + i * (height + GAP), GAP + j * (width + GAP)
            found[i, j] = sheet[top : top + height, left : left + width]
            gaps[top : top + height, left : left + width] = False
    assert (sheet[gaps] == 255).all()
    return found


def pixels(values) -> np.ndarray:
    """What a grid shows of values in [0, 1]."""
    return np.round(255 * np.asarray(values, np.float64)).astype(np.uint8)


@pytest.fixture
def vae(make_vae):
    """A model whose pictures depend on its codes."""
    vae = make_vae()
    vae.decoder.layers[-1].set_weights([np.eye(2, 5, dtype=np.float32) * 3, np.zeros(5, np.float32)])
    rng = np.random.default_rng(0)
    vae.likelihood.linear.set_weights([rng.normal(size=(5, 16)), rng.normal(size=16)])
    return vae


# ----- grid


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_shows_images_row_by_row_in_uint8(rng, channels):
    images = rng.uniform(size=(6, 4, 5, channels)).astype(np.float32)
    sheet = grids.grid(images, columns=3)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (2 * 4 + 3 * GAP, 3 * 5 + 4 * GAP, channels)
    np.testing.assert_array_equal(cells(sheet, 4, 5).reshape(images.shape), np.round(images * np.float32(255)))


def test_values_outside_0_and_1_are_black_and_white():
    values = np.array([-7, 0, 0.5, 1, 7]).reshape(5, 1, 1, 1)
    shown = cells(grids.grid(values, columns=5), 1, 1).ravel()
    assert shown.tolist() == [0, 0, 128, 255, 255]


def test_the_last_row_is_filled_with_white():
    shown = cells(grids.grid(np.zeros((4, 2, 3, 1)), columns=3), 2, 3)
    assert shown.shape[:2] == (2, 3)
    assert (shown.reshape(6, -1) == np.array([0, 0, 0, 0, 255, 255])[:, None]).all()


# ----- each kind


def test_samples_are_those_of_the_model(vae):
    shown = cells(grids.samples(vae, count=9, seed=5), 4, 4)
    assert shown.shape == (3, 3, 4, 4, 1)
    np.testing.assert_array_equal(shown.reshape(9, 4, 4, 1), pixels(vae.sample(9, seed=5)))
    assert not np.array_equal(shown, cells(grids.samples(vae, count=9, seed=6), 4, 4))
    assert cells(grids.samples(vae), 4, 4).shape[:2] == (8, 8)


def test_draws_are_of_the_codes_of_the_samples(vae):
    shown = cells(grids.draws(vae, count=4, seed=3), 4, 4)
    assert shown.shape[:2] == (2, 2)
    assert set(np.unique(shown)) == {0, 255}  # bits
    np.testing.assert_array_equal(grids.draws(vae, count=4, seed=3), grids.draws(vae, count=4, seed=3))
    assert not np.array_equal(grids.draws(vae, seed=3), grids.draws(vae, seed=4))
    vae.likelihood.linear.set_weights([np.zeros((5, 16)), np.tile([-60.0, 60.0], 8)])  # certain of each pixel
    np.testing.assert_array_equal(grids.draws(vae, count=4), grids.samples(vae, count=4))


def test_each_row_of_inputs_is_above_its_reconstructions_and_the_differences(vae, bits):
    shown = cells(grids.reconstructions(vae, bits[:8], columns=4), 4, 4)
    mean = vae.reconstruct(bits[:8]).numpy()
    assert shown.shape[:2] == (6, 4)
    np.testing.assert_array_equal(shown[[0, 3]].reshape(8, 4, 4, 1), pixels(bits[:8]))
    np.testing.assert_array_equal(shown[[1, 4]].reshape(8, 4, 4, 1), pixels(mean))
    np.testing.assert_allclose(shown[[2, 5]].reshape(8, 4, 4, 1), 127.5 * (1 + mean - bits[:8]), atol=1)


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 3, 1), (7, 3, 7), (8, 3, 8), (15, 3, 8), (16, 6, 8)])
def test_few_inputs_make_few_columns_and_an_incomplete_row_is_left_out(vae, bits, count, rows, columns):
    assert cells(grids.reconstructions(vae, bits[:count]), 4, 4).shape[:2] == (rows, columns)


def test_a_traversal_can_be_of_the_most_certain_dimensions_alone(vae, bits):
    every = grids.traversal(vae, bits[:1])
    np.testing.assert_array_equal(grids.traversal(vae, bits[:1], dimensions=1), every[: 4 + 2 * GAP])
    np.testing.assert_array_equal(grids.traversal(vae, bits[:1], dimensions=9), every)


def test_pseudo_inputs_are_shown_as_they_are(make_vae):
    vae = make_vae(prior=priors.VampPrior(2, components=10))
    shown = cells(grids.pseudo_inputs(vae, count=4), 4, 4)
    np.testing.assert_array_equal(shown.reshape(4, 4, 4, 1), pixels(vae.prior.pseudo_inputs()[:4]))


def test_a_traversal_moves_one_dimension_of_the_code_at_a_time_most_certain_first(vae, bits):
    vae.posterior.log_variance.set_weights([np.zeros((5, 2)), np.float32([1, -1])])  # dimension 1 is the certain one
    shown = cells(grids.traversal(vae, bits[:1], columns=5, span=2.0), 4, 4)
    assert shown.shape[:2] == (2, 5)
    code = vae.encode(bits[:1]).mean().numpy()[0]
    for row, dimension in enumerate([1, 0]):
        for column, value in enumerate([-2, -1, 0, 1, 2]):
            moved = code.copy()
            moved[dimension] = value
            expected = pixels(vae.likelihood.mean(vae.decode(moved[None])))[0]
            assert abs(shown[row, column].astype(int) - expected).max() <= 1
    assert not np.array_equal(shown[0, 0], shown[0, 4])


def test_a_traversal_of_an_autoencoder_keeps_the_order_of_its_dimensions(make_vae, bits):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    assert cells(grids.traversal(vae, bits[:1]), 4, 4).shape[:2] == (2, 11)


def test_the_codes_of_a_spherical_model_stay_on_the_sphere(make_vae, bits):
    vae = make_vae(posterior=posteriors.PowerSpherical(2), prior=priors.SphericalUniform(2))
    shown = cells(grids.traversal(vae, bits[:1], columns=3, span=2.0), 4, 4)
    q = vae.encode(bits[:1])
    code, first = vae.posterior.code(q).numpy()[0], int(np.argmin(vae.posterior.stddev(q)[0]))
    for column, value in enumerate([-2, 0, 2]):
        moved = code.copy()
        moved[first] = value
        expected = pixels(vae.likelihood.mean(vae.decode(moved[None] / np.linalg.norm(moved))))[0]
        assert abs(shown[0, column].astype(int) - expected).max() <= 1


def test_an_interpolation_is_a_straight_line_between_neighbouring_codes(vae, bits):
    shown = cells(grids.interpolation(vae, bits[:3], columns=5), 4, 4)
    assert shown.shape[:2] == (2, 5)
    codes = vae.encode(bits[:3]).mean().numpy()
    for row in (0, 1):
        for column, share in enumerate([0, 0.25, 0.5, 0.75, 1]):
            code = (1 - share) * codes[row] + share * codes[row + 1]
            expected = pixels(vae.likelihood.mean(vae.decode(code[None])))[0]
            assert abs(shown[row, column].astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(shown[0, 4], shown[1, 0])


def test_a_manifold_covers_the_plane_in_quantiles(vae):
    from scipy import stats

    shown = cells(grids.manifold(vae, columns=5), 4, 4)
    line = stats.norm.ppf(np.linspace(0.01, 0.99, 5))
    for row in range(5):
        for column in range(5):
            code = np.float32([[line[column], -line[row]]])  # to the right and up
            expected = pixels(vae.likelihood.mean(vae.decode(code)))[0]
            assert abs(shown[row, column].astype(int) - expected).max() <= 1
    assert cells(grids.manifold(vae), 4, 4).shape[:2] == (20, 20)


# ----- what is refused


@pytest.mark.parametrize("latent_size", [1, 3])
def test_a_manifold_needs_two_dimensions(make_vae, latent_size):
    message = (
        rf"needs 2 latent dimensions and the model has {latent_size}: draw a traversal, or train with --model\.lat"
    )
    with pytest.raises(InputError, match=message):
        grids.manifold(make_vae(latent_size=latent_size))


# ----- Ladders and discrete codes


@pytest.fixture
def ladder(make_structured):
    """A ladder of rungs of 2, 4 and 4 numbers, whose pictures depend on each."""
    vae = make_structured("ladder")
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:
        weight.assign(rng.normal(0, 0.4, weight.shape))
    return vae


def test_of_a_ladder_the_upper_rungs_of_a_row_are_held(ladder):
    names = 3 * ["a name as wide"]
    sheet = grids.rungs(ladder, columns=5, seed=7)
    left = sheet.shape[1] - (5 * (4 + GAP) + GAP)
    found = cells(sheet[:, left:], 4, 4)
    assert found.shape[:2] == (len(names), 5)
    seeds = random.pair(7, random.Purpose.SAMPLE, tf.range(5))
    noise = random.normal_rows([ladder.prior_noise_size], seeds)
    z = ladder.from_noise(noise)
    np.testing.assert_array_equal(found[0], pixels(ladder.sample(5, seed=7)))  # none is held
    for held in (1, 2):
        codes = ladder.draw_below(tf.tile(z[:1], [5, 1]), noise, held)
        np.testing.assert_array_equal(found[held], pixels(ladder.mean(codes)))
    assert (found[:, 0] == found[0, 0]).all()  # the sample itself
    differing = [np.abs(row.astype(float) - row[0]).mean() for row in found]
    assert differing[0] > differing[2] > 0  # the more is held, the less differs
    np.testing.assert_array_equal(sheet, grids.rungs(ladder, columns=5, seed=7))
    assert (sheet[:, left:] != grids.rungs(ladder, columns=5, seed=8)[:, -(sheet.shape[1] - left) :]).any()


def test_of_many_rungs_some_are_held_in_turn(ladder, monkeypatch):
    monkeypatch.setattr(grids, "ROWS", 2)
    sheet = grids.rungs(ladder, columns=3)
    assert sheet.shape[0] == 2 * (4 + GAP) + GAP


def test_a_model_of_one_layer_has_no_rungs(vae, ladder):
    with pytest.raises(InputError, match="needs a ladder, and this model has one layer of codes: draw samples"):
        grids.rungs(vae)
    with pytest.raises(InputError, match="columns=0: give a whole number of at least 1"):
        grids.rungs(ladder, columns=0)


def test_a_traversal_of_a_ladder_moves_the_top_rung_and_the_others_follow(ladder, bits):
    found = cells(grids.traversal(ladder, bits[:1], columns=3), 4, 4)
    assert found.shape[:2] == (2, 3)  # the dimensions of the top rung
    z, stddev = (values[0].numpy() for values in ladder.represent(bits[:1]))
    for row, dimension in enumerate(np.argsort(stddev[:2])):
        for column, value in enumerate((-3, 0, 3)):
            moved = z.copy()
            moved[dimension] = value
            followed = ladder.draw_below(moved[None], np.zeros((1, 10)), held=1)
            np.testing.assert_array_equal(found[row, column], pixels(ladder.mean(followed))[0])
    assert (found[:, 0] != found[:, 2]).any()


def test_an_interpolation_of_a_ladder_ends_in_reconstructions(ladder, bits):
    found = cells(grids.interpolation(ladder, bits[:3], columns=4), 4, 4)
    reconstructed = pixels(ladder.reconstruct(bits[:3]))
    np.testing.assert_array_equal(found[:, 0], reconstructed[:2])
    np.testing.assert_array_equal(found[:, -1], reconstructed[1:])


@pytest.mark.parametrize("kind", ["vq", "fsq"])
def test_between_discrete_codes_nothing_is_drawn(make_structured, bits, kind):
    vae = make_structured(kind)
    asked = {
        "A traversal": lambda: grids.traversal(vae, bits[:1]),
        "An interpolation": lambda: grids.interpolation(vae, bits[:2]),
        "An attribute": lambda: grids.attribute(vae, bits[:2], np.ones(4)),
        "A manifold": lambda: grids.manifold(vae),
    }
    for picture, draw in asked.items():
        with pytest.raises(InputError, match=f"^{picture} needs codes of real numbers, .* draw samples or reconstruct"):
            draw()
    assert grids.samples(vae).shape == grids.draws(vae).shape == (8 * (4 + GAP) + GAP, 8 * (4 + GAP) + GAP, 1)


@pytest.mark.parametrize("event_shape", [(5,), (4, 4), (4, 4, 2)])
def test_what_is_no_image_is_refused_with_its_shape(make_vae, event_shape):
    vae = make_vae(event_shape, likelihood=likelihoods.Normal(event_shape))
    x = np.zeros((9, *event_shape), np.float32)
    for draw in (
        lambda: grids.samples(vae),
        lambda: grids.reconstructions(vae, x),
        lambda: grids.traversal(vae, x[:1]),
        lambda: grids.interpolation(vae, x),
        lambda: grids.manifold(vae),
    ):
        with pytest.raises(InputError, match="Pictures need images") as error:
            draw()
        assert str(error.value).endswith(f"but the model's data is {event_shape}.")


# ----- files


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_written_as_it_is(tmp_path, rng, channels):
    picture = rng.integers(0, 256, (7, 9, channels), dtype=np.uint8)
    grids.write(picture, tmp_path / "new" / "picture.png")
    with Image.open(tmp_path / "new" / "picture.png") as image:
        assert image.mode == {1: "L", 3: "RGB"}[channels]
        np.testing.assert_array_equal(np.asarray(image).reshape(picture.shape), picture)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["picture.png"]


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")

    def full(self, file, *args, **kwargs):
        file.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left"):
        grids.write(np.zeros((2, 2, 1), np.uint8), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# ----- before_and_after


def test_each_row_of_pictures_stands_above_what_became_of_them(rng):
    before, after = rng.uniform(size=(2, 3, 4, 5, 1)).astype(np.float32)
    picture = grids.before_and_after(before, after, "a line below", columns=2)
    height, width = 4 * (4 + GAP) + GAP, 2 * (5 + GAP) + GAP
    assert picture.shape[0] > height
    left = next(
        x for x in range(picture.shape[1]) if np.array_equal(picture[GAP : GAP + 4, x : x + 5], pixels(before[0]))
    )
    shown = cells(picture[:height, left - GAP : left - GAP + width], 4, 5)
    np.testing.assert_array_equal(shown[0::2].reshape(4, 4, 5, 1)[:3], pixels(before))
    np.testing.assert_array_equal(shown[1::2].reshape(4, 4, 5, 1)[:3], pixels(after))
    assert (shown[2:, 1] == 255).all()
    assert (picture[height:] < 128).any()  # the line


# ----- attribute


def test_codes_are_moved_along_the_direction(vae, bits):
    direction = np.float32([0.5, -1])
    shown = cells(grids.attribute(vae, bits[:3], direction), 4, 4)
    assert shown.shape[:2] == (3, 11)
    code = vae.posterior.code(vae.encode(bits[:3])).numpy()
    for column, strength in ((0, -1), (4, 0), (8, 1), (10, 1.5)):
        expected = vae.likelihood.mean(vae.decode(code + np.float32(strength) * direction))
        np.testing.assert_allclose(shown[:, column], pixels(expected), atol=1)
    np.testing.assert_allclose(shown[:, 4], pixels(vae.reconstruct(bits[:3])), atol=1)


# ----- with conditions


CONDITIONS = {"label": networks.Label(3), "angle": networks.Vector(2)}


@pytest.fixture
def conditional(make_vae):
    """A model whose pictures depend on codes, labels and angles."""
    vae = make_vae(conditions=CONDITIONS)
    rng = np.random.default_rng(0)
    for weight in vae.weights:
        if weight.dtype == "float32":
            weight.assign(rng.normal(size=weight.shape))
    return vae


@pytest.fixture
def examples(bits) -> dict:
    rng = np.random.default_rng(3)
    return {"x": bits[:6], "label": np.arange(6) % 3, "angle": rng.normal(size=(6, 2)).astype(np.float32)}


def unnamed(sheet: np.ndarray, columns: int) -> np.ndarray:
    """The grid of a picture without the names before its rows."""
    return sheet[:, -(columns * (4 + GAP) + GAP) :]


def near(shown: np.ndarray, expected) -> bool:
    return abs(shown.astype(int) - pixels(expected)).max() <= 1


def test_each_row_of_samples_has_a_label_and_each_column_a_code(conditional):
    angle = np.float32([0.6, 0.8])
    shown = cells(unnamed(grids.samples(conditional, seed=5, angle=angle), 10), 4, 4)
    assert shown.shape[:2] == (3, 10)
    for label in range(3):
        assert near(shown[label], conditional.sample(10, seed=5, label=label, angle=angle))
    assert not np.array_equal(shown[0], shown[1])


def test_samples_of_a_label_that_is_asked_for_are_all_of_it(conditional):
    shown = cells(grids.samples(conditional, 4, 5, label=2, angle=[0.0, 1.0]), 4, 4)
    assert near(shown.reshape(4, 4, 4, 1), conditional.sample(4, seed=5, label=2, angle=[0.0, 1.0]))


def test_a_column_has_the_same_noise_if_the_prior_depends_on_the_label(make_vae):
    vae = make_vae(conditions={"label": networks.Label(3)}, prior=priors.ConditionalNormal(2))
    vae.prior.loc.kernel.assign([[0, 0], [5, -5], [-9, 9]])
    shown = cells(unnamed(grids.samples(vae, seed=5), 10), 4, 4)
    for label in range(3):
        assert near(shown[label], vae.sample(10, seed=5, label=label))


def test_draws_have_the_labels_and_codes_of_the_samples(conditional):
    vae, angle = conditional, [0.0, 1.0]
    shown = cells(unnamed(grids.draws(vae, angle=angle), 10), 4, 4)
    assert shown.shape[:2] == (3, 10)
    assert set(np.unique(shown)) == {0, 255}
    vae.likelihood.linear.kernel.assign(1e4 * vae.likelihood.linear.kernel)  # certain of each pixel
    np.testing.assert_array_equal(grids.draws(vae, angle=angle), grids.samples(vae, angle=angle))


def test_a_condition_without_rows_has_to_be_given(conditional):
    with pytest.raises(InputError, match=r"angle is missing: give angle=\.\.\."):
        grids.samples(conditional)


def test_reconstructions_are_made_with_the_conditions_of_each(conditional, examples):
    shown = cells(grids.reconstructions(conditional, examples, columns=3), 4, 4)
    np.testing.assert_array_equal(shown[[0, 3]].reshape(6, 4, 4, 1), pixels(examples["x"]))
    np.testing.assert_array_equal(shown[[1, 4]].reshape(6, 4, 4, 1), pixels(conditional.reconstruct(examples)))


def test_a_traversal_keeps_the_conditions_of_its_input(conditional, examples):
    one = {name: values[4:5] for name, values in examples.items()}
    shown = cells(grids.traversal(conditional, one, columns=3), 4, 4)
    codes = conditional.represent(one)
    moved = np.tile(codes.z.numpy(), (3, 1))
    moved[:, int(np.argmin(codes.stddev[0]))] = [-3, 0, 3]
    assert near(shown[0], conditional.mean(moved, label=1, angle=one["angle"][0]))


def test_each_image_of_an_interpolation_has_the_conditions_of_the_nearer(conditional, examples):
    shown = cells(grids.interpolation(conditional, examples, columns=4), 4, 4)
    assert shown.shape[:2] == (5, 4)
    codes = conditional.represent(examples).z.numpy()
    for column, (share, nearer) in enumerate([(0, 0), (1 / 3, 0), (2 / 3, 1), (1, 1)]):
        conditions = {name: examples[name][nearer : nearer + 5] for name in CONDITIONS}
        between = np.float32((1 - share) * codes[:-1] + share * codes[1:])
        assert near(shown[:, column], conditional.mean(between, **conditions))
    ends = conditional.reconstruct(examples)
    assert near(shown[:, 0], ends[:-1])
    assert near(shown[:, -1], ends[1:])


def test_an_attribute_keeps_the_conditions_of_each_image(conditional, examples):
    shown = cells(grids.attribute(conditional, examples, np.float32([0.5, -1])), 4, 4)
    assert near(shown[:, 4], conditional.reconstruct(examples))
    moved = conditional.represent(examples).z.numpy() + 1.5 * np.float32([0.5, -1])
    assert near(shown[:, 10], conditional.mean(moved, label=examples["label"], angle=examples["angle"]))


def test_a_manifold_is_of_the_conditions_that_are_given(conditional):
    shown = cells(grids.manifold(conditional, columns=3, label=1, angle=[0.0, 1.0]), 4, 4)
    assert near(shown[1, 1], conditional.mean(np.zeros((1, 2)), label=1, angle=[0.0, 1.0])[0])
    assert not np.array_equal(shown, cells(grids.manifold(conditional, columns=3, label=2, angle=[0.0, 1.0]), 4, 4))
    with pytest.raises(InputError, match="label and angle are missing"):
        grids.manifold(conditional)


def test_images_may_be_lists(vae, bits):
    np.testing.assert_array_equal(grids.interpolation(vae, bits[:3].tolist()), grids.interpolation(vae, bits[:3]))
