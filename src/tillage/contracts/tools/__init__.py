"""What people do with contracts besides checking: lint, compare, export, infer, schemas for editors."""
