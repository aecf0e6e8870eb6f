"""The site's pages, made from the files that agents read; `scripts/build_site.py` calls these modules in order."""
