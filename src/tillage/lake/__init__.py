"""Delta tables in a folder, by delta-rs."""
