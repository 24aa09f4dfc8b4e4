#!/usr/bin/env bash
# Builds the site into build/site: the course, the guide and the reference, which need no network when they are read. Sets up what is missing.
#
#   scripts/build_site.sh            builds it; then every link within it must lead somewhere, and words must be spelt right
#   scripts/build_site.sh --serve    and serves it on localhost:8000
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
need python3:python3-minimal mkdocs:mkdocs /usr/share/doc/python3-pygments:python3-pygments doxygen:doxygen codespell:codespell /usr/share/javascript/katex/katex.min.js:libjs-katex

say "pages"
python3 scripts/course.py quotes
rm -rf build/site
mkdocs build --quiet --strict
cp -r --dereference /usr/share/javascript/katex build/site/katex
/usr/bin/python3 -m pygments -S friendly -f html -a .codehilite >build/site/pygments.css

say "reference"
doxygen scripts/Doxyfile
if [ -s build/doxygen.log ]; then
    head -20 build/doxygen.log >&2
    echo "the reference has $(wc -l <build/doxygen.log) warnings (build/doxygen.log)" >&2
    exit 1
fi

say "links and spelling"
python3 scripts/check_site.py build/site
codespell --ignore-words scripts/words.txt --skip '*.svg,*.json,*.js' docs README.md CONTRIBUTING.md
echo "$root/build/site/index.html"
[ "${1:-}" != --serve ] || python3 -m http.server --directory build/site 8000
