"""Frozen values and pure rules; knows no driver, no file and no clock."""
