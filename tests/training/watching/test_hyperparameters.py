import keras
import numpy as np
import pytest
from tensorboard import context
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups

from vae_tf import objectives, posteriors
from vae_tf.training import read
from vae_tf.training.watching.hyperparameters import Hyperparameters, forget_results, write_results


def fit(vae, bits, folder, values=None, learning_rate=0.01, **options):
    vae.compile(keras.optimizers.SGD(learning_rate), run_eagerly=True)
    options = {"validation_data": (bits[:8],), "batch_size": 10, "verbose": 0, **options}
    callback = Hyperparameters(folder, {"seed": 0} if values is None else values)
    return vae.fit(bits, callbacks=[callback], **options).history


def scale(vae, factor):
    for weight in vae.trainable_weights:
        weight.assign(weight * factor)


class Table:
    """TensorBoard's table of a folder: row -> column -> value, of what was decided and of what came of it."""

    def __init__(self, folder):
        multiplexer = EventMultiplexer().AddRunsFromDirectory(str(folder))
        multiplexer.Reload()
        provider = MultiplexerDataProvider(multiplexer, str(folder))
        backend = backend_context.Context(base_plugin.TBContext(data_provider=provider))
        parts = (context.RequestContext(), backend, "")
        experiment = get_experiment.Handler(*parts, api_pb2.GetExperimentRequest()).run()
        self.columns = {info.name: info for info in experiment.hparam_infos}
        self.metrics = [info.name.tag for info in experiment.metric_infos]
        request = api_pb2.ListSessionGroupsRequest(
            allowed_statuses=api_pb2.Status.values(), start_index=0, slice_size=99
        )
        groups = list_session_groups.Handler(*parts, request).run().session_groups
        assert all(len(group.sessions) == 1 for group in groups)
        self.decided = {
            group.name: {key: getattr(value, value.WhichOneof("kind")) for key, value in group.hparams.items()}
            for group in groups
        }
        self.came = {group.name: {each.name.tag: each.value for each in group.metric_values} for group in groups}


ROW = "hyperparameters"


def test_the_columns_are_named_as_on_the_command_line(make_vae, bits, tmp_path):
    values = {
        "epochs": 2,
        "data": "digits-5k",
        "jit_compile": True,
        "steps_per_execution": None,
        "model": {
            "networks": {"class_path": "vae_tf.training.networks.MLP", "init_args": {"hidden": [8, 4]}},
            "prior": {"class_path": "StandardNormal"},
            "objective": {
                "class_path": "ELBO",
                "init_args": {"beta": {"class_path": "Linear", "init_args": {"end": 1.5}}},
            },
        },
    }
    fit(make_vae(), bits, tmp_path, values)
    assert Table(tmp_path).decided[ROW] == {
        "epochs": 2.0,
        "data": "digits-5k",
        "jit_compile": True,
        "steps_per_execution": "none",
        "model.networks": "MLP",
        "model.networks.hidden": "[8, 4]",
        "model.prior": "StandardNormal",
        "model.objective": "ELBO",
        "model.objective.beta": "Linear",
        "model.objective.beta.end": 1.5,
    }


def test_each_value_of_a_recipe_has_a_column(make_vae, bits, tmp_path):
    _, decided = read("beta-tcvae")
    fit(make_vae(), bits, tmp_path, decided)
    row = Table(tmp_path).decided[ROW]
    assert row["model.objective"] == "TotalCorrelation"
    assert row["model.objective.beta"] == 6.0
    assert row["optimizer"] == "Adam"
    assert row["optimizer.clipnorm"] == row["model.ex_post_prior"] == "none"
    assert row["model.networks.hidden"] == "[512, 256]"
    assert not [key for key in row if "class_path" in key or "init_args" in key]


def test_the_row_has_the_last_and_the_best_bound(make_vae, bits, tmp_path, read_events):
    history = fit(make_vae(), bits, tmp_path, epochs=4, learning_rate=2.0)
    final, best = np.array(history["val_elbo"]), np.maximum.accumulate(history["val_elbo"])
    assert final[-1] < best[-1]  # or there would be nothing to tell apart
    table = Table(tmp_path)
    assert table.metrics == ["best/elbo", "final/elbo"]
    assert table.came[ROW] == pytest.approx({"best/elbo": best[-1], "final/elbo": final[-1]}, rel=1e-6)
    found = read_events(tmp_path / ROW)
    for tag, expected in (("final/elbo", final), ("best/elbo", best)):
        assert list(found[tag]) == [1, 2, 3, 4]
        assert [float(value) for value in found[tag].values()] == pytest.approx(list(expected), rel=1e-6)


def test_of_a_model_without_a_bound_it_is_the_loss_and_the_lowest_is_best(make_vae, bits, tmp_path):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    losses = fit(vae, bits, tmp_path, epochs=3)["val_loss"]
    expected = {"best/loss": min(losses), "final/loss": losses[-1]}
    assert Table(tmp_path).came[ROW] == pytest.approx(expected, rel=1e-6)


def test_runs_are_rows_of_one_table_and_what_differs_comes_first(make_vae, bits, tmp_path):
    common = {"batch_size": 10, "data": "bits"}
    fit(make_vae(), bits, tmp_path / "one" / "tensorboard", {**common, "validation": 0.1, "clipnorm": None})
    fit(make_vae(), bits, tmp_path / "two" / "tensorboard", {**common, "validation": "test", "clipnorm": 1.0})
    fit(make_vae(), bits, tmp_path / "three" / "tensorboard", {**common, "validation": 0.1, "clipnorm": None})
    table = Table(tmp_path)
    assert set(table.decided) == set(table.came) == {f"{name}/tensorboard/{ROW}" for name in ("one", "two", "three")}
    assert [name for name, info in table.columns.items() if info.differs] == ["clipnorm", "validation"]
    assert list(table.columns)[:2] == ["clipnorm", "validation"]
    assert table.decided[f"one/tensorboard/{ROW}"] == {**common, "validation": 0.1, "clipnorm": "none"}
    assert all(set(values) == {"best/elbo", "final/elbo"} for values in table.came.values())
    assert set(Table(tmp_path / "two").decided) == {f"tensorboard/{ROW}"}


def resumed(make_vae, bits, folder, better: bool):
    """Two epochs, and two more in another callback, with a much worse or better model."""
    values = {"epochs": 2}
    before = fit(make_vae(), bits, folder, values, epochs=2)["val_elbo"]
    vae = make_vae()
    scale(vae, 0.5 if better else 3)
    after = fit(vae, bits, folder, {"epochs": 4}, initial_epoch=2, epochs=4)["val_elbo"]
    return [*before, *after]


@pytest.mark.parametrize("better", [True, False])
def test_a_later_start_goes_on_in_the_same_row_and_knows_the_best_of_before(
    make_vae, bits, tmp_path, read_events, better
):
    values = resumed(make_vae, bits, tmp_path, better)
    assert (np.argmax(values) >= 2) == better
    table = Table(tmp_path)
    assert table.decided == {ROW: {"epochs": 4.0}}
    assert table.came[ROW] == pytest.approx({"best/elbo": max(values), "final/elbo": values[-1]}, rel=1e-6)
    assert len(list((tmp_path / ROW).iterdir())) == 1
    found = read_events(tmp_path / ROW)["best/elbo"]
    expected = np.maximum.accumulate(values)
    assert [float(found[step]) for step in (1, 2, 3, 4)] == pytest.approx(list(expected), rel=1e-6)


def test_epochs_that_are_trained_again_do_not_count(make_vae, bits, tmp_path):
    fit(make_vae(), bits, tmp_path, epochs=3)
    vae = make_vae()
    scale(vae, 3)
    values = fit(vae, bits, tmp_path, epochs=2)["val_elbo"]
    assert Table(tmp_path).came[ROW] == pytest.approx({"best/elbo": max(values), "final/elbo": values[-1]}, rel=1e-6)


def test_until_an_epoch_has_ended_the_row_is_that_of_before(make_vae, bits, tmp_path):
    fit(make_vae(), bits, tmp_path, epochs=2)
    before = Table(tmp_path)
    callback = Hyperparameters(tmp_path, {"seed": 0})
    callback.on_train_begin()
    callback.on_train_end()
    after = Table(tmp_path)
    assert (after.decided, after.came) == (before.decided, before.came)


def test_a_file_that_was_cut_off_is_read_to_there(make_vae, bits, tmp_path):
    values = fit(make_vae(), bits, tmp_path, epochs=2)["val_elbo"]
    (path,) = (tmp_path / ROW).iterdir()
    path.write_bytes(path.read_bytes()[:-7])  # the last record, `best/elbo` of the second epoch
    values += fit(make_vae(), bits, tmp_path, initial_epoch=2, epochs=3)["val_elbo"]
    assert Table(tmp_path).came[ROW]["best/elbo"] == pytest.approx(max(values), rel=1e-6)


def test_results_join_the_row(make_vae, bits, tmp_path):
    fit(make_vae(), bits, tmp_path / "run")
    write_results(tmp_path / "run", {"log_likelihood": -3.0, "active_units": 1, "elbo": -4.0, "notes": ["biased"]})
    table = Table(tmp_path)
    assert table.metrics == ["best/elbo", "final/elbo", "final/log_likelihood"]
    row = table.came[f"run/{ROW}"]
    assert row["final/log_likelihood"] == -3.0
    assert row["final/elbo"] != -4.0  # that is of the validation set
    write_results(tmp_path / "run", {"log_likelihood": -2.5})
    assert Table(tmp_path).came[f"run/{ROW}"] == {**row, "final/log_likelihood": -2.5}


def test_results_of_a_model_that_is_trained_on_are_dropped(make_vae, bits, tmp_path):
    fit(make_vae(), bits, tmp_path)
    write_results(tmp_path, {"log_likelihood": -3.0})
    fit(make_vae(), bits, tmp_path, initial_epoch=1, epochs=2)
    assert set(Table(tmp_path).came[ROW]) == {"best/elbo", "final/elbo"}


def test_without_validation_there_is_what_was_decided(make_vae, bits, tmp_path):
    fit(make_vae(), bits, tmp_path, validation_data=None)
    table = Table(tmp_path)
    assert (table.decided, table.came) == ({ROW: {"seed": 0.0}}, {ROW: {}})


def test_a_value_that_is_not_finite_is_not_written(tmp_path):
    callback = Hyperparameters(tmp_path, {"seed": 0})
    callback.on_train_begin()
    callback.on_epoch_end(0, {"val_elbo": -5.0})
    with pytest.warns(UserWarning, match="Hyperparameters drew nothing at epoch 2 .ValueError: val_elbo is nan"):
        callback.on_epoch_end(1, {"val_elbo": float("nan")})
    callback.on_train_end()
    assert Table(tmp_path).came[ROW] == {"best/elbo": -5.0, "final/elbo": -5.0}


def test_results_that_are_measured_again_replace_the_first_and_can_be_forgotten(make_vae, bits, tmp_path):
    fit(make_vae(), bits, tmp_path / "run")
    before = Table(tmp_path).metrics
    for value in (-3.0, -2.0):
        write_results(tmp_path / "run", {"log_likelihood": value})
    (row,) = Table(tmp_path).came.values()
    assert row["final/log_likelihood"] == -2
    forget_results(tmp_path / "run")
    assert Table(tmp_path).metrics == before
