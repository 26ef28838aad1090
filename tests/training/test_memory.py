import os

import pytest

from vae_tf.training import memory

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Writes what /proc and /sys say of the control groups of this process."""
    monkeypatch.setattr(memory, "GROUPS_OF_PROCESS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "groups")

    def write(of_process: str, limits: dict[str, str]) -> None:
        (tmp_path / "cgroup").write_text(of_process)
        for name, limit in limits.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(limit)

    return write


@pytest.mark.parametrize(
    ("of_process", "limits", "expected"),
    [
        ("0::/\n", {"memory.max": "100000\n"}, 100_000),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "5000\n"}, 5_000),  # what is above holds, too
        ("0::/of/the/host\n", {"memory.max": "7000\n"}, 7_000),  # as in a container that sees its own groups alone
        ("2:cpu,memory:/a\n1:name=x:/\n", {"memory/a/memory.limit_in_bytes": "6000\n"}, 6_000),
        ("2:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),  # version 1's "none"
        ("0::/\n", {"memory.max": "max\n"}, None),
        ("0::/\n", {}, None),
    ],
)
def test_the_memory_is_that_of_the_container_if_it_is_less(groups, of_process, limits, expected):
    groups(of_process, limits)
    assert memory.total() == (expected or MACHINE)


def test_without_control_groups_it_is_that_of_the_machine(groups):
    assert memory.total() == MACHINE
