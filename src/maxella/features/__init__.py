"""One raw column → numbers → embedding; one file per kind."""
