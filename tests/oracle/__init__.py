"""Plain-Python answers that the product is held against; nothing in here imports the product."""
