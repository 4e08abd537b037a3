"""What runs, studies and the doctor leave on disk: whole files, a log of rows, pages to look at."""
