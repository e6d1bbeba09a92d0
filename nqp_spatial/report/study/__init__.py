"""A complete study from one settings file."""
