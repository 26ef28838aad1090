import numpy as np
import pytest
import tensorflow as tf

from vae_tf.training.watching import event_files


@pytest.fixture
def written(tmp_path):
    """A run's folder with five epochs of a scalar."""
    writer = tf.summary.create_file_writer(str(tmp_path / "train"))
    with writer.as_default():
        for step in range(1, 6):
            tf.summary.scalar("loss", step, step=step)
    writer.close()
    return tmp_path


def test_what_is_later_than_the_epoch_is_dropped(written, read_events):
    event_files.trim(written, 3)
    assert list(read_events(written / "train")["loss"]) == [1, 2, 3]
    event_files.trim(written, 0)
    assert read_events(written / "train") == {}


def test_what_is_not_later_stays_as_it_is(written):
    (path,) = (written / "train").iterdir()
    before = path.read_bytes()
    event_files.trim(written, 5)
    assert path.read_bytes() == before
    assert [file.name for file in (written / "train").iterdir()] == [path.name]


def test_a_record_that_was_cut_off_is_dropped(written, read_events):
    (path,) = (written / "train").iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    event_files.trim(written, 5)
    assert list(read_events(written / "train")["loss"]) == [1, 2, 3, 4]
    assert path.read_bytes() == content[: path.stat().st_size]


def test_a_later_writer_goes_on_without_overlap_or_gap(written, read_events):
    event_files.trim(written, 3)
    writer = tf.summary.create_file_writer(str(written / "train"), filename_suffix=".later")
    with writer.as_default():
        for step in (4, 5):
            tf.summary.scalar("loss", 10 * step, step=step)
    writer.close()
    values = [float(value) for value in read_events(written / "train")["loss"].values()]
    np.testing.assert_array_equal(values, [1, 2, 3, 40, 50])


def test_a_folder_that_is_not_there_has_nothing_to_drop(tmp_path):
    event_files.trim(tmp_path / "nowhere", 3)
    assert list(tmp_path.iterdir()) == []
