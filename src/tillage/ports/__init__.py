"""What the pipelines ask of the outside, one protocol in a file, each method documented by its guarantee."""
