"""Where the figures in the documentation come from; run as modules, such as `python -m benchmarks.batch_overhead`."""
