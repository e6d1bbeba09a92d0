"""Speed and memory beside peers, in one run, as ratios: ``python -m benchmarks``."""
