"""Doors: how records come in. Each only delivers; checking is the same for all of them."""
