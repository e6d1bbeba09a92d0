"""Which model: specification path, tests, comparison."""
