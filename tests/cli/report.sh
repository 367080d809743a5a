# refocus report: the page of a real results file, without a browser and, where Chromium is found, in one.
. "$(dirname "$0")/../cli_lib.sh"
r=results/tiny.h5
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || :)
parser() { command -v python3 >/dev/null; }
begins() { test "$(head -c "$2" "$1")" = "$3"; }

t 'a results file to tell of: two cells of six are still to come'
refocus run "$grid" --jobs 2 --cells '*@0'
want_code 0

t 'a page, at the name that is asked for'
refocus report $r -o page.html
want_code 0
want_out '^page.html$'
want_no_err
want_file page.html
want 'HTML' begins page.html 15 '<!DOCTYPE html>'

t 'without a name: beside the results'
refocus report $r
want_code 0
want_out '^results/tiny.html$'
want_same results/tiny.html page.html

t 'again: the same bytes, over the earlier page'
cp page.html first.html
refocus report $r -o page.html
want_code 0
want_same page.html first.html

t 'nothing else is needed: no address of another file, and a policy that forbids the network'
want 'the policy' grep -q "default-src 'none'" page.html
want 'no address' sh -c '! sed "s/http:..www.w3.org.2000.svg//" page.html | grep -Eiq "https?://|(src|href)=.(/|\.|[a-z]+/)|@import|url\("'

t 'well formed, and with the figures of refocus table'
if parser; then
    "$REFOCUS" table $r --format json >table.json
    call python3 "$here/tests/check_page.py" page.html table.json
    want_code 0
else
    skip 'no python3'
fi

t 'cells without figures stand there with their cause'
want 'the cell' grep -q 'pulled, seed 1</th><td class="words">no result yet' page.html

t 'another file is not replaced, a folder neither: 73'
cp $r before.h5
refocus report $r -o $r
want_code 73
want_err 'a file that is no HTML page of refocus stands there'
want_same $r before.h5
mkdir folder.html
refocus report $r -o folder.html
want_code 73
refocus report $r -o nowhere/page.html
want_code 73
want_err 'cannot create nowhere/page.html'

t 'files that cannot be read: 66 and 65, and no page'
refocus report nothing.h5 -o none.html
want_code 66
want_err "there is no results file 'nothing.h5'"
head -c 20000 $r >cut.h5
refocus report cut.h5 -o none.html
want_code 65
want_err "'cut.h5' is damaged"
want_no_file none.html

t 'a full disk: 74, and no page is left'
if [ -w /dev/shm ] && [ -e /dev/full ]; then
    (ulimit -f 8 && trap '' XFSZ && "$REFOCUS" report $r -o small.html) >out 2>err
    code=$?
    last_command='refocus report, files of 8 blocks at most'
    want_code 74
    want_err 'cannot write small.html'
    want_no_file small.html
    want 'nothing beside it' sh -c '! ls small.html* 2>/dev/null | grep .'
else
    skip 'no way to limit a file'
fi

# ---- names that try to leave their place ----
# Variants have plain names; a question, comments of the grid and words of the command line may hold anything.
hostile='</script><script>document.title="owned"</script><!-- <b>"\&amp;'
sed -e "s|^question:.*|question: '$hostile'|" -e 's|^experiment:.*|experiment: hostile|' \
    -e "s|^# Expected.*|# $hostile|" "$grid" >"a'b<i>.yaml"

t 'hostile names: escaped, wherever they stand'
refocus run "a'b<i>.yaml" --jobs 2 --cells '*@0'
want_code 0
refocus report results/hostile.h5 -o hostile.html
want_code 0
want 'the question is text' grep -Fq '<h1>&lt;/script&gt;&lt;script&gt;document.title=&quot;owned&quot;&lt;/script&gt;&lt;!-- &lt;b&gt;&quot;&amp;amp;</h1>' hostile.html
want 'the grid is text' grep -Fq '# &lt;/script&gt;&lt;script&gt;' hostile.html
want 'two scripts, no more' test "$(grep -c '<script' hostile.html)" -eq 2
want 'no comment' sh -c '! grep -q "<!--" hostile.html'
if parser; then
    "$REFOCUS" table results/hostile.h5 --format json >hostile.json
    call python3 "$here/tests/check_page.py" hostile.html hostile.json
    want_code 0
fi

# ---- in a browser ----
# browse PAGE [WIDTH]: the page without its policy and with a script of ours behind its own, which works it and writes what
# it saw.
browse() {
    sed -e '/http-equiv="Content-Security-Policy"/d' -e '/<\/body>/d' -e '/<\/html>/d' "$1" >browsed.html
    { echo '<script>'; cat "$here/tests/check_page.js"; echo '</script></body></html>'; } >>browsed.html
    last_command="chromium $1"
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$scratch/profile" \
        --virtual-time-budget=8000 --window-size=${2:-1400},900 --enable-logging=stderr --v=0 --dump-dom \
        "file://$scratch/browsed.html" >dom 2>log
    code=$?
    sed -n 's/.*<pre id="seen">//; /^seen /p' dom >out
    grep ':CONSOLE' log >err
}
want_browsed() {
    want_code 0
    want_out '^seen end$'
    want_no_err
}

t 'in Chromium: no errors, the first screen holds the answer, sliders and switches change the pictures'
if [ -n "$chromium" ]; then
    browse page.html
    want_browsed
    want_not_out '^seen wrong'
    want_out '^seen first screen$'
    want_out '^seen character slider$'
    want_out '^seen training slider$'
    want_out '^seen other line$'
    want_out '^seen variant switch$'
    want_out '^seen log$'
    want_out '^seen row switch$'
    want_out '^seen curve read$'
    want_out '^seen memory$'
else
    skip 'no Chromium'
fi

t 'in Chromium: on a phone nothing is wider than the screen'
if [ -n "$chromium" ]; then
    browse page.html 400
    want_browsed
    want_out '^seen nothing is wider than the screen$'
else
    skip 'no Chromium'
fi

t 'in Chromium: hostile names do nothing, and the policy lets the page itself run'
if [ -n "$chromium" ]; then
    browse hostile.html
    want_browsed
    want_not_out '^seen wrong'
    want 'the title' grep -q '<title>hostile: report</title>' dom
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$scratch/profile" \
        --virtual-time-budget=4000 --enable-logging=stderr --v=0 --dump-dom "file://$scratch/hostile.html" >dom 2>log
    want 'drawn under its policy' grep -q '<figure class="chart"' dom
    want 'no complaint' sh -c '! grep :CONSOLE log'
else
    skip 'no Chromium'
fi
