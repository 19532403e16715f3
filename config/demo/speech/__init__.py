"""The demo's speech data and the script that made it; the site reads the table alone."""
