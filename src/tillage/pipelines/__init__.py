"""The use cases; they know ports, contracts and models, and no adapter."""
