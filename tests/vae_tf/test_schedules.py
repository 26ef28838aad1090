import keras
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from vae_tf import InputError, schedules

values = st.floats(-100, 100, width=32)
steps = st.integers(0, 10**7)


@given(values, values, st.integers(1, 10**6), steps)
def test_linear_is_its_formula(start, end, length, step):
    value = schedules.Linear(start, end, length)(tf.constant(step, tf.int64))
    assert value.dtype == tf.float32
    assert float(value) == pytest.approx(start + (end - start) * min(step / length, 1), rel=1e-5, abs=1e-4)


@given(values, values, st.integers(1, 10**6), st.floats(0.01, 1), steps)
def test_cyclical_is_its_formula(start, end, period, ramp, step):
    value = schedules.Cyclical(start, end, period, ramp)(tf.constant(step, tf.int64))
    expected = start + (end - start) * min((step % period) / (ramp * period), 1)
    assert float(value) == pytest.approx(expected, rel=1e-5, abs=1e-4)


@given(st.floats(-1e6, 1e6, width=32), steps)
def test_a_number_is_itself_at_every_step(number, step):
    value = schedules.at(number, tf.constant(step))
    assert value.dtype == tf.float32
    assert float(value) == number


def test_a_schedule_is_asked_for_the_step():
    assert float(schedules.at(schedules.Linear(0, 4, 8), tf.constant(2))) == 1


@pytest.mark.parametrize("step_type", ["int32", "int64"])
def test_compiled_steps_give_the_same(step_type):
    schedule = schedules.Cyclical(0.5, 2, period=7, ramp=0.4)
    compiled = tf.function(schedule, jit_compile=True)
    for step in tf.constant([0, 3, 6, 7, 20], step_type):
        assert float(compiled(step)) == pytest.approx(float(schedule(step)), rel=1e-6)


def test_a_schedule_says_the_smallest_value_that_it_takes_if_that_is_known():
    assert schedules.Linear(2, 0.5, 30).least == schedules.Cyclical(0.5, 2, 30, 0.25).least == 0.5
    assert schedules.Schedule().least is None


@pytest.mark.parametrize("schedule", [schedules.Linear(0.5, 2, 30), schedules.Cyclical(0.5, 2, 30, 0.25)])
def test_the_config_makes_it_again(schedule):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert type(again) is type(schedule)
    assert vars(again) == vars(schedule)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: schedules.Linear(steps=0), "got steps=0: give at least 1 step"),
        (lambda: schedules.Cyclical(period=-3), "got period=-3: give at least 1 step"),
        (lambda: schedules.Cyclical(ramp=0), r"got ramp=0: give the share of a cycle in \(0, 1\]"),
        (lambda: schedules.Cyclical(ramp=1.5), r"got ramp=1.5: give the share of a cycle in \(0, 1\]"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()
