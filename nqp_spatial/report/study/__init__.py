"""A whole study from one file of settings."""
