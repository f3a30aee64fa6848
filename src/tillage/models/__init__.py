"""SQL model files: read, classified, and turned into what changes them and what explains them."""
