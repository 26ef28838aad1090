"""A run: its directory, its training from checkpoint to checkpoint, and what it is asked afterwards."""
