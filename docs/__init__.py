"""The documents: `python -m docs` makes the site, `python -m docs.gallery` its figures."""
