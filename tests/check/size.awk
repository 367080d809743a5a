# Files under 600 lines, functions under 60, lines up to 120 characters. A function begins with a line at the margin
# that ends in '{' after ')', and ends with a '}' at the margin.
function finish_file() {
    if (file != "" && n >= 600) complain(file ": " n " lines")
}
function complain(what) {
    print what
    failed = 1
}
FNR == 1 { finish_file(); file = FILENAME; start = 0 }
{ n = FNR }
# Some awks count bytes: the bytes of a character but its first are taken out, in octal as all of them read it.
{ line = $0; gsub(/[\200-\277]/, "", line) }
length(line) > 120 { complain(FILENAME ":" FNR ": line of " length(line) " characters") }
/^[A-Za-z].*\) *\{$/ { start = FNR; head = $0 }
/^ .*\) \{$/ && start == 0 && previous ~ /^[A-Za-z].*,$/ { start = FNR - 1; head = previous }
/^}/ {
    if (start > 0 && FNR - start + 1 >= 60) complain(FILENAME ":" start ": function of " FNR - start + 1 " lines: " head)
    start = 0
}
{ previous = $0 }
END { finish_file(); exit failed }
