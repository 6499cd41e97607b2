"""Benchmarks: `python -m tests.bench [NAME…] [--json]`. Figures, never assertions."""
