"""Tools of the command line that are ordinary clients of the public API: import, demo."""
