#!/usr/bin/env bash
# A browser shows the pages of explain/: what it makes of them is read back, and they are drawn light and dark. usage: render.sh TEST-PROGRAM BUILD-FOLDER
# Skipped where there is no Chromium. The pictures stay in BUILD-FOLDER/pages.
set -euo pipefail
program=$1 pages=$2/pages
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then
    echo "SKIPPED: explain.browser: there is no Chromium (Debian: chromium)"
    exit 77
fi
rm -rf "$pages"
mkdir -p "$pages"
TERCET_PAGES=$pages "$program" "explain: pages for a browser*"
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
show() { timeout 120 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$profile" --virtual-time-budget=3000 --window-size=1000,1800 "$@" 2>"$pages/browser.log"; }

failed=0
expect() {  # expect PAGE TEXT: in the document after its script has run
    grep -q -F -- "$2" "$pages/$1.dom" || { echo "$1.html: no '$2' in the document"; failed=1; }
}
for page in model classifier; do
    show --dump-dom "file://$pages/$page.html" >"$pages/$page.dom"
    expect "$page" 'aria-label="Show the page '                  # the button knows the theme
    expect "$page" '<option value="-1">mean of all</option>'      # the lists are filled
    expect "$page" '<option value="1">'
    expect "$page" '<th scope="col">'                             # and the map is drawn, its rows reached by the keyboard
    expect "$page" 'tabindex="0"'
    expect "$page" '→'
    for theme in light dark; do
        mode=$([ $theme = dark ] && echo --blink-settings=preferredColorScheme=0 || echo --blink-settings=preferredColorScheme=1)
        show "$mode" --screenshot="$pages/$page-$theme.png" "file://$pages/$page.html" >/dev/null
    done
done
expect model '>layer 2<'
expect model 'Why '
expect classifier 'What speaks for'
# Light and dark differ in the first pixels' colour: a PNG of another size or text at least.
for page in model classifier; do
    cmp -s "$pages/$page-light.png" "$pages/$page-dark.png" && { echo "$page.html: dark is as light"; failed=1; }
    [ "$(stat -c %s "$pages/$page-light.png")" -gt 20000 ] || { echo "$page.html: nearly nothing is drawn"; failed=1; }
done
exit $failed
