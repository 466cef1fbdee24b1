"""One file per revision; what is here is never edited once released."""
