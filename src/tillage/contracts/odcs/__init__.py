"""Reads contract files: unchanged ODCS documents, with this product's own terms as custom properties."""
