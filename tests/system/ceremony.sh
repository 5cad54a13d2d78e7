#!/bin/bash
# A ceremony from its opening to its closing record, its record as text and as a page: what people wrote down, what was done and
# refused, check values; signed by the records key, which openssl confirms; whoever changes it is found out, and nothing that
# somebody typed becomes markup.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }
ROOM=$WORK/load
ceremony() { "$BIN/bdk" ceremony "$@" --room "$ROOM" >"$WORK/out" 2>&1; }
# refused STATUS PATTERN WORDS...
refused() {
	local status=$1 pattern=$2 got
	shift 2
	ceremony "$@"
	got=$?
	[ $got = "$status" ] && grep -qE "$pattern" "$WORK/out" || complain "$*: status $got: $(cat "$WORK/out")"
}
generate() { "$BIN/bdk" generate --room "$ROOM" --scheme tdes --id "$1" --for "$WORK/acquirer.crt" --out "$WORK/$1.krx" 2>&1; }

three_rooms || die "rooms"
"$BIN/bdk" audit key --room "$ROOM" >"$WORK/records.pem" || die "key"
refused 65 'no ceremony is open' remark "too early"
refused 65 'no ceremony was closed' record --out "$WORK/none"
ceremony open "First keys" || die "open: $(cat "$WORK/out")"
refused 73 'one is open already' open "Second keys"
ceremony present 'Ada </td><script>alert("1")</script>' || complain "present"
ceremony media 'card 1 & card 2: bag 4711, now bag 4712' || complain "media"
value=$(generate FFFF000001 | sed -n 's/.*check value \([0-9A-F]*\);.*/\1/p')
rm "$WORK/FFFF000001.krx"
generate FFFF000001 >/dev/null && complain "the same key set twice"
ceremony remark "nothing else" || complain "remark"
ceremony close "cards in the safe" || complain "close"
generate FFFF000002 >/dev/null || complain "after the ceremony"
ceremony record --out "$WORK/first" || die "record: $(cat "$WORK/out")"

# --- The text ---------------------------------------------------------------------------------------------------------
T=$WORK/first.txt H=$WORK/first.html
for said in 'Ceremony  First keys' "FFFF000001  $value" 'REFUSED: it exists already' 'card 1 & card 2: bag 4711' 'closed: cards in the safe'; do
	grep -qF "$said" "$T" || complain "the text lacks '$said'"
done
grep -q 'FFFF000002' "$T" && complain "what came after the ceremony is in its record"
verify() { "$BIN/bdk" ceremony verify "$1" --key "${2:-$WORK/records.pem}" >"$WORK/out" 2>&1; }
verify "$T" || complain "verify: $(cat "$WORK/out")"
# The records in it are those of the export, word for word; openssl's word on the signature, as doc/AUDIT.md has it
"$BIN/bdk" audit export --room "$ROOM" >"$WORK/audit.jsonl"
grep '^{' "$T" >"$WORK/lines"
[ "$(wc -l <"$WORK/lines")" = 8 ] && [ "$(grep -cxFf "$WORK/lines" "$WORK/audit.jsonl")" = 8 ] || complain "its records are not the audit's"
sed -n '/^```bash$/,/^```$/p' doc/AUDIT.md | sed '1d;$d' >"$WORK/check.sh"
(cd "$WORK" && cp first.txt record.txt && sh -e ./check.sh) >"$WORK/out" 2>&1 && grep -q 'Verified OK' "$WORK/out" ||
	complain "openssl: $(cat "$WORK/out")"
for change in 's/bag 4712/bag 4713/' '/REFUSED/d' "s/$value/000000/" 's/cards in the safe/cards in the sale/' 's/^title = First/title = Worst/' \
	's/^signature = ..../signature = MEYC/' '/^{.*nothing else/d' '$a x'; do
	sed "$change" "$T" >"$WORK/wrong"
	cmp -s "$T" "$WORK/wrong" && complain "'$change' changes nothing"
	verify "$WORK/wrong" && complain "'$change' is not found out"
done
"$BIN/bdk" audit key --room "$WORK/ca" >"$WORK/ca.pem" && verify "$T" "$WORK/ca.pem" && complain "another room's key has signed it"

# --- The page ---------------------------------------------------------------------------------------------------------
for said in '<h1>First keys</h1>' "<td class=\"m v\">$value</td>" 'refused: it exists already' 'card 1 &amp; card 2' \
	'Ada &lt;/td&gt;&lt;script&gt;alert(&quot;1&quot;)' "$(sha256sum <"$T" | cut -c1-64 | tr a-f A-F)" 'TEST ROOM'; do
	grep -qF "$said" "$H" || complain "the page lacks '$said'"
done
grep -qiE '<script|src=|href=|url\(|@import|https?:' "$H" && complain "the page runs or fetches something"
python3 - "$H" <<-'END' || complain "the page is no well-formed HTML"
	import sys, html.parser
	class P(html.parser.HTMLParser):
	    def __init__(s): super().__init__(); s.open = []
	    def handle_starttag(s, t, a):
	        if t not in ("meta", "br"): s.open.append(t)
	    def handle_endtag(s, t): assert s.open.pop() == t, (t, s.getpos())
	p = P(); p.feed(open(sys.argv[1]).read()); p.close(); assert not p.open, p.open
END

# --- Any records ------------------------------------------------------------------------------------------------------
n=$(wc -l <"$WORK/audit.jsonl")
ceremony record --out "$WORK/some" --records "2-$n" && verify "$WORK/some.txt" || complain "records: $(cat "$WORK/out")"
# However a title was typed
for title in '  spring keys ' '   ' 'keys = # "first"'; do
	ceremony open "$title" && ceremony close "done" && ceremony record --out "$WORK/typed" && verify "$WORK/typed.txt" ||
		complain "the title '$title': $(cat "$WORK/out")"
	rm -f "$WORK"/typed.*
done
refused 64 'FIRST-LAST' record --out "$WORK/x" --records 5
refused 65 'FIRST-LAST|too|range|number' record --out "$WORK/x" --records "1-999999"
refused 64 'out' record
exit $fail
