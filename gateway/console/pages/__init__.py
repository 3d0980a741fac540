"""One file per page; each registers itself with `frame.page`. The process loads every file of this folder."""
