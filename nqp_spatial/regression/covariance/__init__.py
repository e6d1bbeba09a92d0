"""Covariances of estimates: information, sandwiches, bias of short dynamic panels."""
