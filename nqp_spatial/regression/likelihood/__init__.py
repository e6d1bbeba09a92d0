"""The likelihood: log-determinants, factorisations, maximisation."""
