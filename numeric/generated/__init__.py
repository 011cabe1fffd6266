"""Written by `dsf generate`; never edited by hand."""
