#!/bin/bash
# The audit as an outsider checks it: exports and signed heads of a room that has worked, doctored in every way, held against
# bdk audit verify and against the script of doc/AUDIT.md, which is openssl and Python alone.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
die() { echo "$*"; tail -n 3 "$WORK"/*.err; exit 1; }
bdk() { "$BIN/bdk" "$@"; }
SET=FFFF000001 ROOM=$WORK/load

three_rooms || die "rooms"
bdk generate --room "$ROOM" --scheme tdes --id $SET --for "$WORK/acquirer.crt" --out "$WORK/s.krx" >/dev/null 2>&1 && lease $SET tdes || die "generate"
boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || die "t1"
bdk audit key --room "$ROOM" >"$WORK/records.pem" || die "key"
bdk audit head --room "$ROOM" >"$WORK/early" || die "head"
inject TC-1 0 $SET "unix:$WORK/t1.link" >"$WORK/out" 2>&1 || die "load: $(cat "$WORK/out")"
bdk suspend --room "$ROOM" ABCDEF01 >/dev/null 2>&1 && complain "a key set that is not there is suspended"
bdk suspend --room "$ROOM" $SET >/dev/null && bdk resume --room "$ROOM" $SET >/dev/null || complain "suspend, resume"
"$BIN/kif" heads --ledger "$WORK/kif.db" >"$WORK/receipt" || complain "the ledger keeps no head"
bdk handover --room "$ROOM" --out "$WORK/pack" >/dev/null || complain "handover"
bdk audit head --room "$ROOM" >"$WORK/head" || die "head"
bdk audit export --room "$ROOM" >"$WORK/audit.jsonl" || die "export"
bdk audit export --csv --room "$ROOM" >"$WORK/audit.csv" || die "csv"
N=$(wc -l <"$WORK/audit.jsonl")

# --- Right ones -------------------------------------------------------------------------------------------------------
verify() { bdk audit verify "$@" --key "$WORK/records.pem" >"$WORK/out" 2>&1; }
# The outsider: a folder with the three files, and what doc/AUDIT.md says
mkdir "$WORK/o"
sed -n '/^```python$/,/^```$/p' doc/AUDIT.md | sed '1d;$d' >"$WORK/o/check.py"
sed -n '/^```sh$/,/^```$/p' doc/AUDIT.md | sed '1d;$d' >"$WORK/o/check.sh"
[ "$(wc -l <"$WORK/o/check.py")" = 11 ] || complain "the script of doc/AUDIT.md is not there"
cp "$WORK/records.pem" "$WORK/o/"
outsider() { # EXPORT HEAD
	cp "$1" "$WORK/o/audit.jsonl"
	cp "$2" "$WORK/o/head"
	(cd "$WORK/o" && sh -e ./check.sh) >"$WORK/told" 2>&1 && grep -q 'Verified OK' "$WORK/told"
}
for head in head early receipt pack.head; do
	verify "$WORK/audit.jsonl" --head "$WORK/$head" || complain "$head: $(cat "$WORK/out")"
	outsider "$WORK/audit.jsonl" "$WORK/$head" || complain "the outsider, $head: $(cat "$WORK/told")"
done
[ "$(grep -c "$(bdk audit key --room "$ROOM" | sed -n 's/^#.*SHA-256 //p' | tr A-F a-f)" "$WORK/told")" = 2 ] ||
	complain "the outsider sees another key: $(cat "$WORK/told")"
bdk audit head --all --room "$ROOM" >"$WORK/all" && verify "$WORK/audit.jsonl" --head "$WORK/all" || complain "all: $(cat "$WORK/out")"
[ "$(grep -c ^signature "$WORK/all")" -ge 3 ] || complain "the room keeps too few heads"
bdk audit verify "$WORK/audit.jsonl" >"$WORK/out" && grep -q 'no head' "$WORK/out" || complain "without a head: $(cat "$WORK/out")"
# RECEIPT's head covers its own record.
receipt=$(grep -n '"what":"receipt"' "$WORK/audit.jsonl" | cut -d: -f1)
grep -q "^sequence = $receipt$" "$WORK/receipt" || complain "the head of the receipt is not that of record $receipt: $(cat "$WORK/receipt")"
# Every act of that life is in it, and the refusal.
for act in 'start","object":"' 'request","object":"' 'install","object":"' 'install-crl","object":"list' \
	"generate\",\"object\":\"$SET, check value " "session\",\"object\":\"$SET" 'begin","object":"TC-1' 'offer","object":"TC-1' \
	'receipt","object":"TC-1' "state\",\"object\":\"$SET" 'handover","object":"key set all'; do
	grep -q "\"what\":\"$act" "$WORK/audit.jsonl" || complain "the audit lacks $act"
done
grep -q '"object":"ABCDEF01","reason":"[a-z]' "$WORK/audit.jsonl" || complain "the refusal is not in the audit"
[ "$(wc -l <"$WORK/audit.csv")" = $((N + 1)) ] || complain "the CSV has other rows"
python3 - "$WORK/audit.csv" "$WORK/audit.jsonl" <<-'END' || complain "CSV and JSON lines differ"
	import csv, json, sys
	rows = list(csv.DictReader(open(sys.argv[1])))
	lines = [json.loads(l) for l in open(sys.argv[2])]
	assert len(rows) == len(lines) > 10
	for r, l in zip(rows, lines):
	    assert all(str(l[k]) == r[k] for k in ("sequence", "utc", "who", "what", "object", "reason")), (r, l)
END

# --- Doctored ---------------------------------------------------------------------------------------------------------
# wrong WHAT PATTERN [HEAD]: $WORK/wrong is refused by both, and named
wrong() {
	verify "$WORK/wrong" --head "$WORK/${3:-head}" && complain "$1: not found out"
	grep -qE "wrong: $2" "$WORK/out" || complain "$1: does not say '$2': $(cat "$WORK/out")"
	outsider "$WORK/wrong" "$WORK/${3:-head}" && complain "$1: not found out by the outsider"
}
sed '7s/"who":"uid [0-9]*/"who":"uid 4711/' "$WORK/audit.jsonl" >"$WORK/wrong"; wrong "another person" 'record 7 was changed'
sed '7s/"utc":"2\(.*\)Z/"utc":"3\1Z/' "$WORK/audit.jsonl" >"$WORK/wrong"; wrong "another time" 'record 7 was changed'
sed 7d "$WORK/audit.jsonl" >"$WORK/wrong"; wrong "a removed record" 'record 7 was removed'
sed 7,9d "$WORK/audit.jsonl" >"$WORK/wrong"; wrong "removed records" 'records 7 to 9 were removed'
sed 7p "$WORK/audit.jsonl" >"$WORK/wrong"; wrong "a doubled record" 'record 7 stands twice'
sed '7{h;d};8G' "$WORK/audit.jsonl" >"$WORK/wrong"; wrong "swapped records" 'records 7 and 8 stand in each other'
sed '7{h;d};11G' "$WORK/audit.jsonl" >"$WORK/wrong"; wrong "a moved record" 'record 7 was moved to line 11'
sed '7{p;s/"what":"[a-z-]*"/"what":"nothing"/}' "$WORK/audit.jsonl" >"$WORK/wrong"; wrong "an inserted record" 'line 8 was inserted'
head -n $((N - 1)) "$WORK/audit.jsonl" >"$WORK/wrong"; wrong "one record short" "truncated: it ends with record $((N - 1))"
head -n $((receipt - 1)) "$WORK/audit.jsonl" >"$WORK/wrong"; wrong "truncated before the receipt" 'truncated' receipt
verify "$WORK/wrong" --head "$WORK/early" || complain "a head from before the truncation does not fit: $(cat "$WORK/out")"
: >"$WORK/wrong"; wrong "nothing left" 'truncated: it ends with record 0'
# A whole chain made anew from record 7 on, as whoever can write the journal, but not sign, would
python3 - "$WORK/audit.jsonl" >"$WORK/wrong" <<-'END'
	import hashlib, re, sys
	last = None
	for n, line in enumerate(open(sys.argv[1]), 1):
	    if n == 7:
	        line = line.replace('"object":"', '"object":"not ', 1)
	    if n > 7:
	        line = re.sub('"previous":"[0-9A-F]*"', f'"previous":"{last}"', line)
	    last = hashlib.sha256(line.encode()).hexdigest().upper()
	    sys.stdout.write(line)
END
bdk audit verify "$WORK/wrong" >/dev/null || complain "the twin (no head) does not believe a chain made anew"
wrong "a chain made anew" "record $N is not the one that the head"
# Heads: a changed one, one of another room
sed "s/^sequence = .*/sequence = 3/" "$WORK/head" >"$WORK/bad"
verify "$WORK/audit.jsonl" --head "$WORK/bad" && complain "a changed head is believed"
grep -q 'signature is wrong' "$WORK/out" || complain "a changed head: $(cat "$WORK/out")"
outsider "$WORK/audit.jsonl" "$WORK/bad" && complain "the outsider believes a changed head"
# Lines behind the signature, which nobody has signed: they say what the doctored chain's head would
n=$((receipt - 1))
{ cat "$WORK/head"; echo "sequence = $n"; echo "hash = $(sed -n "${n}p" "$WORK/audit.jsonl" | sha256sum | cut -c-64 | tr a-f A-F)"; } >"$WORK/bad"
head -n $n "$WORK/audit.jsonl" >"$WORK/wrong"
verify "$WORK/wrong" --head "$WORK/bad" && complain "lines behind the signature are believed"
outsider "$WORK/wrong" "$WORK/bad" && complain "the outsider believes lines behind the signature"
bdk audit head --room "$WORK/ca" >"$WORK/bad"
verify "$WORK/audit.jsonl" --head "$WORK/bad" && complain "another room's head is believed"
grep -q 'another records key' "$WORK/out" || complain "another room's head: $(cat "$WORK/out")"
outsider "$WORK/audit.jsonl" "$WORK/bad" && complain "the outsider believes another room's head"

# --- Stopped and started: the chain goes on, and stands in heads ---------------------------------------------------------
stop load; serve load || die "load again"
bdk audit export --room "$ROOM" >"$WORK/later.jsonl" && verify "$WORK/later.jsonl" --head "$WORK/head" || complain "later: $(cat "$WORK/out")"
bdk audit head --all --room "$ROOM" >"$WORK/all" && verify "$WORK/later.jsonl" --head "$WORK/all" || complain "later, all: $(cat "$WORK/out")"
for what in stop start; do
	n=$(grep -n "\"what\":\"$what\"" "$WORK/later.jsonl" | tail -n 1 | cut -d: -f1)
	grep -q "^sequence = $n$" "$WORK/all" || complain "$what (record $n) has no head"
done

# And after each so many records as room.conf says.
stop load
echo 'head-records = 4' >>"$ROOM/room.conf"
serve load || die "load with head-records"
for i in 1 2 3 4 5 6; do bdk suspend --room "$ROOM" $SET >/dev/null && bdk resume --room "$ROOM" $SET >/dev/null || complain "$i"; done
was=$(grep -c ^signature "$WORK/all")
bdk audit head --all --room "$ROOM" >"$WORK/all"
now=$(grep -c ^signature "$WORK/all")
[ $((now - was)) -ge 4 ] || complain "head-records = 4: $((now - was)) heads more after 12 acts, a stop and a start"
bdk audit export --room "$ROOM" >"$WORK/later.jsonl" && verify "$WORK/later.jsonl" --head "$WORK/all" || complain "interval: $(cat "$WORK/out")"
exit $fail
