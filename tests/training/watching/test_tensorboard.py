import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, likelihoods, networks, priors
from vae_tf.training import callbacks, tensorboard


def kinds(chosen) -> list[type]:
    return [type(callback) for callback in chosen]


ALWAYS = [callbacks.Alarms, callbacks.Scalars, callbacks.Latents, callbacks.Projector, callbacks.Graph]


def test_images_have_pictures_and_what_was_decided_is_written_where_it_is_given(bits, tmp_path):
    assert kinds(tensorboard(tmp_path, bits)) == [*ALWAYS, callbacks.Pictures]
    chosen = tensorboard(tmp_path, bits, hyperparameters={"seed": 1})
    assert kinds(chosen) == [*ALWAYS, callbacks.Pictures, callbacks.Hyperparameters]


def test_vectors_have_everything_but_pictures_without_an_error(make_vae, rng, tmp_path, read_events):
    x = rng.normal(size=(30, 5)).astype(np.float32)
    vae = make_vae((5,), likelihood=likelihoods.Normal((5,)))
    vae.compile("sgd", run_eagerly=True)
    chosen = tensorboard(tmp_path, x, np.arange(30), hyperparameters={"seed": 1})
    assert kinds(chosen) == [*ALWAYS, callbacks.Hyperparameters]
    vae.fit(x, validation_data=(x,), epochs=2, callbacks=chosen, verbose=0)
    assert list(read_events(tmp_path / "train")["elbo"]) == [1, 2]
    assert list(read_events(tmp_path / "train")["active_units"]) == [1, 2]


@pytest.mark.parametrize("together", [1, 3])
def test_every_chart_is_at_the_right_epoch_however_many_steps_execute_together(
    make_vae, bits, tmp_path, read_events, together
):
    vae = make_vae()
    vae.compile("sgd", steps_per_execution=together, jit_compile=False)
    chosen = tensorboard(tmp_path, bits, bits[:, 0, 0, 0], hyperparameters={"seed": 1})
    vae.fit(bits, batch_size=6, validation_data=(bits,), epochs=3, callbacks=chosen, verbose=0)
    assert {path.name for path in tmp_path.iterdir()} == {"train", "validation", "projector", "hyperparameters"}
    for part in ("train", "validation"):
        (file,) = (tmp_path / part).glob("events.out.tfevents.*")
        for tag, steps in read_events(file.parent).items():
            assert list(steps) == [1, 2, 3], tag


def test_of_many_examples_some_are_shown_with_their_labels(tmp_path, rng):
    x, labels = rng.uniform(size=(2_500, 4, 4, 1)).astype(np.float32), np.arange(2_500)
    alarms, scalars, latents, projector, _, pictures = tensorboard(tmp_path, x, labels)
    assert len(alarms.x) == len(latents.x) == len(projector.x) == 1_000
    np.testing.assert_array_equal(x[projector.labels], projector.x)
    assert len(scalars.x) == len(pictures.x) == 32


def test_labels_of_another_length_are_refused(bits, tmp_path):
    with pytest.raises(InputError, match="3 labels were given for 20 examples: give one for each, or none"):
        tensorboard(tmp_path, bits, [1, 2, 3])


def test_a_folder_that_cannot_be_written_is_refused(make_vae, bits, tmp_path):
    (tmp_path / "file").write_text("in the way")
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)
    with pytest.raises(InputError, match="cannot write to"):
        vae.fit(bits, callbacks=tensorboard(tmp_path / "file", bits), verbose=0)


def test_no_examples_are_refused(tmp_path):
    with pytest.raises(InputError, match="There are no examples to watch a model with"):
        tensorboard(tmp_path, np.zeros((0, 4, 4, 1)))


def test_examples_may_be_a_tensor_or_a_list(bits, tmp_path):
    for given in (tf.constant(bits), bits.tolist()):
        chosen = tensorboard(tmp_path, given)
        np.testing.assert_array_equal(chosen[-1].x, bits)


@pytest.mark.parametrize("kind", ["float64", "uint8", "bool"])
def test_the_examples_may_be_of_any_dtype(make_vae, bits, tmp_path, read_events, kind):
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)
    for folder, x in (("one", bits), ("other", bits.astype(kind))):
        vae.set_weights(make_vae().get_weights())
        vae.fit(bits, epochs=1, callbacks=tensorboard(tmp_path / folder, x), verbose=0)
    one, other = (read_events(tmp_path / folder / "train")["gradient_norm"] for folder in ("one", "other"))
    assert one == other


def test_pixels_that_are_not_scaled_are_refused_before_training(make_vae, bits, tmp_path):
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)
    with pytest.raises(InputError, match=r"the x of Alarms is 255 in channel .*uint8 images: x / 255"):
        vae.fit(bits, callbacks=tensorboard(tmp_path, np.uint8(255 * bits)), verbose=0)
    assert int(vae.training_steps) == 0


# ----- with conditions


def with_label(bits) -> dict:
    return {"x": bits, "label": np.arange(len(bits)) % 3}


@pytest.mark.parametrize(
    ("conditions", "parts"),
    [
        ({"label": networks.Label(3)}, {}),
        ({"label": networks.Label(3)}, {"prior": priors.ConditionalNormal(2)}),
        ({"label": networks.Label(3, encoder=False)}, {"prior": priors.VampPrior(2, components=3)}),
        ({"label": networks.Label(3, decoder=False)}, {}),
        ({"label": networks.Label(3), "angle": networks.Vector((2, 2))}, {}),
    ],
)
def test_a_model_with_conditions_has_all_of_it(make_vae, bits, rng, tmp_path, read_events, conditions, parts):
    vae = make_vae(conditions=conditions, **parts)
    vae.compile("sgd", run_eagerly=True)
    x = {**with_label(bits), "angle": rng.normal(size=(20, 2, 2))}
    x = {name: x[name] for name in ("x", *conditions)}
    names = ["cat", "dog", "owl"]
    chosen = tensorboard(tmp_path, x, np.array(names)[x["label"]], hyperparameters={"seed": 1}, class_names=names)
    assert kinds(chosen) == [*ALWAYS, callbacks.Pictures, callbacks.Hyperparameters]
    vae.fit(x, validation_data=(x,), epochs=2, callbacks=chosen, verbose=0)  # a warning is an error
    found = read_events(tmp_path / "train")
    pictures = {"reconstructions", "samples", "draws", "traversal", "interpolation", "manifold"}
    assert set(found) >= pictures | {"gradient_norm", "active_units", "aggregated_posterior", "elbo"}
    assert all(list(steps) == [1, 2] for steps in found.values())
    assert (tmp_path / "projector" / "metadata.tsv").read_text().split() == [names[label] for label in x["label"]]


def test_of_many_examples_the_conditions_stay_beside_theirs(tmp_path, rng):
    label = np.arange(2_500)
    x = rng.uniform(size=(2_500, 4, 4, 1)).astype(np.float32)
    alarms, scalars, *_, pictures = tensorboard(tmp_path, {"x": x, "label": label})
    for callback, count in ((alarms, 1_000), (scalars, 32), (pictures, 32)):
        assert len(callback.x["label"]) == count
        np.testing.assert_array_equal(callback.x["x"], x[callback.x["label"]])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (lambda bits: bits, r"the x of Alarms is a ndarray; this model takes a dictionary of 'x' .* and 'label'"),
        (lambda bits: {"x": bits, "label": np.full(20, 3)}, "label of the x of Alarms is 3 in row 0: give whole numb"),
        (lambda bits: {"x": bits, "angle": np.zeros(20)}, "give 'label', and leave 'angle' out"),
    ],
)
def test_examples_without_the_conditions_of_the_model_are_refused(make_vae, bits, tmp_path, x, message):
    vae = make_vae(conditions={"label": networks.Label(3)})
    vae.compile("sgd", run_eagerly=True)
    with pytest.raises(InputError, match=message):
        vae.fit(with_label(bits), callbacks=tensorboard(tmp_path, x(bits)), verbose=0)
    assert int(vae.training_steps) == 0


def test_names_that_are_not_those_of_the_labels_are_refused(make_vae, bits, tmp_path):
    vae, x = make_vae(conditions={"label": networks.Label(3)}), with_label(bits)
    vae.compile("sgd", run_eagerly=True)
    with pytest.raises(InputError, match="2 class_names were given, and 'label' has 3 values"):
        vae.fit(x, callbacks=tensorboard(tmp_path, x, class_names=["cat", "dog"]), verbose=0)


@pytest.mark.parametrize("kind", ["ladder", "grid", "vq", "fsq", "relaxed"])
def test_codes_of_every_structure_are_watched_without_an_error(make_structured, bits, tmp_path, read_events, kind):
    vae = make_structured(kind)
    vae.compile("sgd", jit_compile=False)
    watching = tensorboard(tmp_path, bits, np.arange(20) % 3, hyperparameters={"seed": 1})
    vae.fit(bits, validation_data=(bits,), epochs=1, callbacks=watching, verbose=0)  # where a warning is an error
    found = read_events(tmp_path / "train")
    assert {"loss", "rate", "gradient_norm", "reconstructions", "samples", "draws"} <= set(found)
