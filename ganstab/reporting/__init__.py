"""What runs, tables and the doctor leave on disk: whole files, logs of rows, pages to look at."""

from ganstab.reporting.render import Picture, render, run_page, table_page

__all__ = ["Picture", "render", "run_page", "table_page"]
