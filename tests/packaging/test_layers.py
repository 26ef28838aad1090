"""The rooms and who may look into which, read from the imports of every file."""

import ast
import pathlib
from collections.abc import Iterator

import pytest

# What each room may import of this project; `vae_tf` stands for the library without the rooms inside it.
SEES = {
    "vae_tf": {"vae_tf"},
    "vae_tf.training": {"vae_tf", "vae_tf.training"},
    "vae_tf.export": {"vae_tf", "vae_tf.export", "vae_tf_client"},
    "vae_tf_cli": {"vae_tf", "vae_tf.training", "vae_tf.export", "vae_tf_cli"},
    "vae_tf_client": {"vae_tf_client"},
}
# Found from the root only, where they would register each class twice.
SECOND_COPIES = {"training", "export", "cli", "client"}
HEAVY = {"tensorflow", "keras", "tensorflow_probability", "tensorboard", "matplotlib", "numpy", "vae_tf"}


def imports(tree: ast.AST, inside_functions: bool = True) -> Iterator[str]:
    """The dotted names that a file imports; `from a import b` counts as a.b."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node, inside_functions)


def room_of(name: str) -> str | None:
    """The room that a dotted name is in, or None where it is not of this project."""
    return max((room for room in SEES if f"{name}.".startswith(f"{room}.")), key=len, default=None)


@pytest.fixture(scope="module")
def trees(rooms) -> dict[str, dict[pathlib.Path, ast.AST]]:
    """The parsed files of each room."""
    return {room: {path: ast.parse(path.read_bytes()) for path in rooms[room].rglob("*.py")} for room in SEES}


def test_every_room_of_setup_cfg_has_its_rule(rooms):
    assert set(rooms) == set(SEES)


@pytest.mark.parametrize("room", SEES)
def test_a_room_sees_only_what_it_may(trees, room):
    assert trees[room], "no files"
    for path, tree in trees[room].items():
        for name in imports(tree):
            assert room_of(name) in {None, *SEES[room]}, f"{path} imports {name}"
            assert name.partition(".")[0] not in SECOND_COPIES, f"{path} imports {name}: name it by its package"


@pytest.mark.parametrize(("folder", "other"), [("version", "server"), ("server", "version")])
def test_a_version_and_a_server_do_not_see_each_other(trees, rooms, folder, other):
    inside = {
        path: tree for path, tree in trees["vae_tf.export"].items() if path.parent == rooms["vae_tf.export"] / folder
    }
    assert inside, "no files"
    for path, tree in inside.items():
        for name in imports(tree):
            assert not f"{name}.".startswith(f"vae_tf.export.{other}."), f"{path} imports {name}"


def test_the_command_line_imports_heavy_libraries_only_where_they_are_used(trees):
    for path, tree in trees["vae_tf_cli"].items():
        for name in imports(tree, inside_functions=False):
            assert name.partition(".")[0] not in HEAVY, f"{path} imports {name} before it is needed"
