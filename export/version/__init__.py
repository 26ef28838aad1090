"""One version of a model: what lies in its folder, and the check of it."""
