import pytest

from vae_tf import atomic


def test_a_file_takes_its_place_when_it_is_written(tmp_path):
    path = tmp_path / "new" / "folder" / "model.keras"
    with atomic.replacing(path) as partial:
        partial.write_text("whole")
        assert partial.suffix == ".keras"
        assert partial != path
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_writer_that_raises_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")

    def write():
        with atomic.replacing(str(path)) as partial:
            partial.write_text("half")
            assert path.read_text() == "old"
            raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_writes_nothing_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), atomic.replacing(path):
        pass
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_beside_is_on_the_same_file_system_and_goes_with_what_is_in_it(tmp_path):
    with atomic.beside(tmp_path / "serving") as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(".serving-")
        (folder / "variables").mkdir()
        (folder / "variables" / "data").write_text("half")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_renamed_away_stays(tmp_path):
    with atomic.beside(tmp_path / "serving") as folder:
        folder.rename(tmp_path / "serving")
    assert list(tmp_path.iterdir()) == [tmp_path / "serving"]


def test_what_a_killed_writer_left_is_swept(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("whole")
    (tmp_path / ".hidden").mkdir()  # somebody else's
    left = atomic.beside(path)
    (left.__enter__() / "model.keras").write_text("half")  # and never left again
    assert len(list(tmp_path.iterdir())) == 3
    atomic.sweep(tmp_path, tmp_path / "nowhere")
    assert sorted(found.name for found in tmp_path.iterdir()) == [".hidden", "model.keras"]
    assert path.read_text() == "whole"
