"""Our own benchmarks. Each is a module to be run, and says in its docstring how: `python -m bench.answers`."""
