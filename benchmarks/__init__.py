"""Where the figures in the README come from; run as modules, such as `python -m benchmarks.batch_overhead`."""
