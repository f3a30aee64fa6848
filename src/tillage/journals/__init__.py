"""Where it is written down, apart from the data, whom a project has erased."""
