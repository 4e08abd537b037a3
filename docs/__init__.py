"""The documents; of Python only the gallery, `python -m docs.gallery`."""
