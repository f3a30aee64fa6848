"""The HTTP API: what `tillage.yaml` serves, as JSON, with problem documents for everything that is not there."""
