"""Small feeds of many kinds, each a contract with files and what plain Python says must come of them."""
