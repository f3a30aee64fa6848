"""Files that are wrong in every way that is known, and a command that is watched while it takes them."""
