"""Ways to estimate a model."""
