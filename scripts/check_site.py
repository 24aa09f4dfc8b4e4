#!/usr/bin/env python3
"""Whether every link of a built site leads to a page and a place that are there. usage: check_site.py FOLDER

Links to elsewhere are not followed. Pages of the reference are looked at as targets only: Doxygen makes their links itself.
"""
import html.parser
import pathlib
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.places.add(value)
            if (name == "href" and tag in ("a", "link")) or (name == "src" and tag in ("img", "script")):
                self.links.append((self.getpos()[0], value or ""))


def main():
    site = pathlib.Path(sys.argv[1]).resolve()
    pages, broken, links = {}, 0, 0

    def page(path):
        if path not in pages:
            pages[path] = Page(path.read_text(encoding="utf-8", errors="replace"))
        return pages[path]

    for path in sorted(site.rglob("*.html")):
        if "api" in path.relative_to(site).parts[:1] and path.name != "index.html":
            continue
        for line, link in page(path).links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            links += 1
            target = path if not parts.path else (site / parts.path.lstrip("/") if parts.path.startswith("/") else path.parent / urllib.parse.unquote(parts.path))
            if target.is_dir():
                target = target / "index.html"
            if not target.exists() or (parts.fragment and target.suffix == ".html" and urllib.parse.unquote(parts.fragment) not in page(target).places | {"", "top"}):
                print(f"{path.relative_to(site)}:{line}: {link} leads nowhere")
                broken += 1
    print(f"{len(pages)} pages, {links} links, {broken} broken")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
