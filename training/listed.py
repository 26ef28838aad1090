"""Names in a message, of which there may be many."""

from collections.abc import Sequence

NAMED = 20  # at most


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """The first names, and how many more there are: "a, b and 3 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
