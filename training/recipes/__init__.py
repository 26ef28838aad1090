"""What is decided before a run starts: recipes, and those that come with the library."""
