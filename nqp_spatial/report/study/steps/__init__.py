"""Steps of a study, in their order."""
