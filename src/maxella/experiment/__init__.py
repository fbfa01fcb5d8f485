"""Every option on one page, options → objects, `run` and `compare`."""
