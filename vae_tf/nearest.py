"""What a name was meant to be."""

import difflib
from collections.abc import Sequence


def nearest(name: str, names: Sequence[str]) -> str:
    """A question that suggests the nearest of `names`, empty if none is near."""
    near = difflib.get_close_matches(name, [other for other in names if other != name], 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
