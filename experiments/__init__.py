"""Programs that reproduce the tables and figures of the papers, on one shared runner."""
