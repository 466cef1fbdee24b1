"""The composition root: settings, wiring, `open_store`. The only importer of `adapters`."""
