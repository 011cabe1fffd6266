"""What the library has to say, written as pages and files for the book at build time.

`python -m book.facts` settles the claims that the pages state, derives every layer of the catalogue
and its relations, and writes what `book/myst.yml` reads. Nothing of it is typed or checked in.
"""
