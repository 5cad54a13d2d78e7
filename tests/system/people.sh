#!/bin/bash
# People of a room, each a user of the machine: who may ask what, acts that take two, sessions that two operators open. What
# one person tries alone is read out of the table of rules.
set -u
if [ "$(id -u)" -ne 0 ]; then
	echo "not root: with users of /etc/subuid, by newuidmap (package uidmap)"
	unshare --map-root-user --map-auto -m true || { echo "NOT RUN: nobody has tried what one of six users may do alone"; exit 77; }
	exec unshare --map-root-user --map-auto -m "$0"
fi
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
chmod 755 "$WORK" && cp -r "$BIN" "$WORK/bin" && cp tests/people/typed.py "$WORK/typed.py" || exit 1
BIN=$WORK/bin R=$WORK/load
uid_of() { case $1 in anna) echo 60002 ;; bert) echo 60003 ;; sara) echo 60004 ;; otto) echo 60005 ;; olga) echo 60006 ;; alma) echo 60007 ;; cato) echo 60008 ;; esac; }
role_of() { case $1 in anna | bert) echo custodian ;; sara) echo supervisor ;; otto | olga) echo operator ;; alma) echo auditor ;; esac; }
phrase_of() { echo "the passphrase of $1, no. $(uid_of "$1")"; }
PEOPLE='sara otto olga alma anna bert'
as() { local u; u=$(uid_of "$1"); shift; setpriv --reuid="$u" --regid="$u" --clear-groups "$@"; }
# become NAME COMMAND...: this shell is that person's bdk from now on, and the passphrase is typed when it is asked for
become() {
	local who=$1 u
	shift
	u=$(uid_of "$who")
	exec setpriv --reuid="$u" --regid="$u" --clear-groups /usr/bin/python3 "$WORK/typed.py" "$BIN/bdk" "$@" --room "$R" \
		< <(phrase_of "$who"; phrase_of "$who")
}
by() { (become "$@"); }
# until_says PATTERN FILE: it is there
until_says() { timeout 60 sh -c 'until grep -q -- "$1" "$2" 2>/dev/null; do sleep 0.02; done' - "$1" "$2" || complain "never said '$1': $(cat "$2")"; }
digest_in() { sed -n 's/^  digest  //p' "$1"; }

# --- A room without people, and then with ----------------------------------------------------------------------------------
three_rooms || exit 1
"$BIN/bdk" generate --room "$R" --scheme tdes --id FFFF111111 --for "$WORK/acquirer.crt" --out "$WORK/a.krx" >/dev/null 2>&1 &&
	lease FFFF111111 tdes || exit 1
for i in 1 2; do
	boot t$i TC-$i ca "unix:$WORK/t$i.link" && enrol t$i TC-$i ca "unix:$WORK/t$i.link" >/dev/null 2>&1 || exit 1
done
inject TC-1 0 FFFF111111 "unix:$WORK/t1.link" >/dev/null 2>&1 || complain "a test room without people does not load"
stop load
printf 'people-user = 60002 60003 60004 60005 60006 60007 60008 60012\napprove-seconds = 120\n' >>"$R/room.conf"
serve load || exit 1
for p in $PEOPLE; do
	"$BIN/bdk" appoint --room "$R" "$p" --uid "$(uid_of "$p")" --role "$(role_of "$p")" >"$WORK/$p.out" || complain "appoint $p"
	[ "$p" = otto ] || by "$p" passphrase >/dev/null || complain "passphrase of $p: $?"
done
# who mistypes it once is told so, types it again, and has one
as otto /usr/bin/python3 "$WORK/typed.py" "$BIN/bdk" passphrase --room "$R" >"$WORK/out" 2>&1 \
	< <(phrase_of otto; echo 'the passphrase of otto, mistyped'; phrase_of otto; phrase_of otto) &&
	grep -q 'the two are not the same' "$WORK/out" && grep -q 'otto has a new passphrase' "$WORK/out" ||
	complain "a passphrase that is mistyped once: $? $(cat "$WORK/out")"
# same NAME, same uid, and whoever is nobody
said=$("$BIN/bdk" appoint --room "$R" cora --uid 60009 --role custodian 2>&1) && complain "root appoints alone: $said"
said=$(setpriv --reuid=60012 --regid=60012 --clear-groups "$BIN/bdk" list --room "$R" 2>&1)
[ $? -eq 77 ] && [[ $said == *nobody* ]] || complain "a stranger was told: $said"
as alma "$BIN/bdk" audit --room "$R" >/dev/null || complain "an auditor does not read the audit"
said=$(as otto "$BIN/bdk" audit --room "$R" 2>&1) && complain "an operator reads the audit"

# --- Two custodians, as they would do it -----------------------------------------------------------------------------------
# ask NAME FILE COMMAND...: in the background, until it waits for a second person
ask() {
	local who=$1 file=$2
	shift 2
	rm -f "$WORK/$file" # what was asked under that name before is over
	become "$who" "$@" >"$WORK/$file" 2>&1 &
	eval "PID_$file=$!"
	PIDS="$PIDS $!"
	until_says '^waiting' "$WORK/$file"
}
ended() { eval "wait \$PID_$1"; local s=$?; eval "PIDS=\${PIDS/ \$PID_$1/}"; return $s; }
ask anna appointing appoint cora --uid 60009 --role custodian
pid=$(pgrep -x -P "$PID_appointing" bdk)
grep -qa 'the passphrase of' "/proc/$pid/cmdline" "/proc/$pid/environ" && complain "a passphrase among the arguments"
d=$(digest_in "$WORK/appointing")
as bert "$BIN/bdk" approve --room "$R" >"$WORK/list" || complain "bert does not see what waits"
grep -q "$d" "$WORK/list" && grep -q 'appoint' "$WORK/list" && grep -q 'cora' "$WORK/list" && grep -q '60009' "$WORK/list" ||
	complain "bert was shown: $(cat "$WORK/list")"
by bert approve ${d:0:9} >"$WORK/agreed" 2>&1 || complain "bert: $(cat "$WORK/agreed")"
grep -q "$d" "$WORK/agreed" || complain "bert agreed without being shown it"
ended appointing || complain "anna: $(cat "$WORK/appointing")"
as anna "$BIN/bdk" people --room "$R" | grep -q '^cora .*no passphrase' || complain "cora is not there"
as alma "$BIN/bdk" audit --room "$R" | grep -q 'anna uid 60002, bert uid 60003 *appoint *cora' || complain "not both names are in the audit"
for dup in 'cora --uid 60010' 'carl --uid 60009'; do
	ask anna appointing appoint $dup --role custodian
	by bert approve "$(digest_in "$WORK/appointing")" >/dev/null 2>&1 && complain "agreed and done: $dup"
	ended appointing && complain "a name or a uid twice: $dup"
done
ask anna appointing appoint carl --uid 60011 --role custodian
stop appointing
for i in $(seq 400); do as bert "$BIN/bdk" approve --room "$R" 2>&1 | grep -q carl || break; sleep 0.02; done
by bert approve "$(digest_in "$WORK/appointing")" >/dev/null 2>&1 && complain "agreed to what was withdrawn"

# --- What one supervisor does, and what two custodians make -----------------------------------------------------------------
"$BIN/bdk" crl --room "$WORK/ca" >"$WORK/list.pem" || exit 1
by sara install --crl "$WORK/list.pem" >"$WORK/out" 2>&1 || complain "a supervisor does not bring a list: $(cat "$WORK/out")"
by otto install --crl "$WORK/list.pem" >/dev/null 2>&1 && complain "an operator brings a list"
mkdir -m 777 "$WORK/packs"
ask anna making generate --scheme aes128 --id 22222222 --for "$WORK/acquirer.crt" --out "$WORK/packs/b.krx"
until_says "certificate  .* bytes, SHA-256 $(openssl x509 -in "$WORK/acquirer.crt" -outform DER | sha256sum | cut -c1-64 | tr a-f A-F)" "$WORK/making"
until_says '^  cert of  acquirer$' "$WORK/making"
until_says '^  cert by  exchange CA$' "$WORK/making"
until_says "^  cert number  $(openssl x509 -in "$WORK/acquirer.crt" -noout -serial | sed 's/.*=//')$" "$WORK/making"
agreed=$(digest_in "$WORK/making")
as bert "$BIN/bdk" approve --room "$R" | grep -q '^  cert of  acquirer$' || complain "bert is not shown whose certificate it is"
by bert approve "$agreed" >/dev/null 2>&1 || complain "bert does not agree to a key set"
ended making || complain "anna: $(cat "$WORK/making")"
as alma "$BIN/bdk" audit --room "$R" | grep -q "approve  *generate by anna: agreed, ${agreed// /}" || complain "the audit does not say what bert approved"
grep -q '^generated key set 22222222' "$WORK/making" && [ -s "$WORK/packs/b.krx" ] || complain "no key set: $(cat "$WORK/making")"
"$BIN/bdk" import --room "$WORK/acquirer" "$WORK/packs/b.krx" >/dev/null || complain "the package is not one"

# --- Its end, by two: what they are shown, and who may agree ---------------------------------------------------------------------
ask anna ending deactivate 22222222 --reason 'its period is over'
until_says 'reason  its period is over' "$WORK/ending"
by sara approve "$(digest_in "$WORK/ending")" >/dev/null 2>&1 || complain "a supervisor does not agree to a deactivation"
ended ending || complain "anna: $(cat "$WORK/ending")"
ask sara ending period FFFF111111 --until 2199-01-01
until_says 'active until  2199-01-01T00:00:00Z' "$WORK/ending"
by sara approve "$(digest_in "$WORK/ending")" >/dev/null 2>&1 && complain "sara agrees to what she has asked"
by bert approve "$(digest_in "$WORK/ending")" >/dev/null 2>&1 || complain "a custodian does not agree to a period"
ended ending || complain "sara: $(cat "$WORK/ending")"
by sara destroy 22222222 --reason 'no more' >/dev/null 2>&1 && complain "a supervisor destroys a key"
ask anna ending destroy 22222222 --reason 'no more' --out "$WORK/packs/cert"
by sara approve "$(digest_in "$WORK/ending")" >/dev/null 2>&1 && complain "a supervisor agrees to the end of a key"
as alma "$BIN/bdk" list --room "$R" --json | grep -q '"22222222".*"deactivated"' || complain "it is destroyed before a second custodian has agreed"
by bert approve "$(digest_in "$WORK/ending")" >/dev/null 2>&1 || complain "bert does not agree to the end of a key"
ended ending || complain "anna: $(cat "$WORK/ending")"
grep -q 'anna uid 60002, bert uid 60003' "$WORK/packs/cert" && grep -q ': no more$' "$WORK/packs/cert" || complain "the certificate says: $(cat "$WORK/packs/cert")"
as alma "$BIN/bdk" destroyed 22222222 --room "$R" >"$WORK/cert" 2>&1 && grep -q 'CERTIFICATE OF DESTRUCTION' "$WORK/cert" ||
	complain "an auditor does not get the certificate: $(cat "$WORK/cert")"
as alma "$BIN/bdk" below 22222222 --room "$R" >/dev/null || complain "an auditor does not see what hangs below"

# --- A card signs in the place of a passphrase: SoftHSM plays it, and its PIN is typed ---------------------------------------
MODULE=/usr/lib/softhsm/libsofthsm2.so
export SOFTHSM2_CONF=$WORK/card.conf KEYROOM_CARD=$MODULE:01
mkdir -m 777 "$WORK/card" && printf 'directories.tokendir = %s/card\n' "$WORK" >"$SOFTHSM2_CONF"
{
	as cato softhsm2-util --init-token --free --label cato --pin "$(phrase_of cato)" --so-pin 12345678 &&
	as cato pkcs11-tool --module $MODULE --login --pin "$(phrase_of cato)" --keypairgen --key-type EC:prime256v1 --id 01 &&
	as cato pkcs11-tool --module $MODULE --read-object --type pubkey --id 01 | openssl pkey -pubin -inform DER -out "$WORK/card.pem"
} >"$WORK/card.out" 2>&1 || complain "a card: $(cat "$WORK/card.out")"
ask anna appointing appoint cato --uid "$(uid_of cato)" --role custodian --card "$WORK/card.pem"
by bert approve "$(digest_in "$WORK/appointing")" >/dev/null 2>&1 || complain "bert does not agree to a card"
ended appointing || complain "anna: $(cat "$WORK/appointing")"
ask anna signed suspend FFFF111111
by cato approve "$(digest_in "$WORK/signed")" >"$WORK/cato" 2>&1 || complain "a card does not agree: $(cat "$WORK/cato")"
ended signed || complain "anna: $(cat "$WORK/signed")"
ask cato signed resume FFFF111111
by bert approve "$(digest_in "$WORK/signed")" >/dev/null 2>&1 || complain "bert does not agree to what a card has asked"
ended signed || complain "cato: $(cat "$WORK/signed")"
as alma "$BIN/bdk" audit --room "$R" | grep -q 'cato uid 60008, bert uid 60003 *state *FFFF111111 active' || complain "the audit does not name cato"
KEYROOM_CARD=$MODULE:02 by cato suspend FFFF111111 >"$WORK/cato" 2>&1 && complain "a key that is not there has signed"
grep -q 'has not signed' "$WORK/cato" || complain "cato was told: $(cat "$WORK/cato")"
unset SOFTHSM2_CONF KEYROOM_CARD

# --- Too late ------------------------------------------------------------------------------------------------------------------
stop load
sed -i 's/^approve-seconds.*/approve-seconds = 1/' "$R/room.conf"
serve load || exit 1
ask anna late suspend FFFF111111
ended late
[ $? -eq 75 ] && grep -q 'no second person' "$WORK/late" || complain "anna was told: $(cat "$WORK/late")"
by bert approve "$(digest_in "$WORK/late")" >/dev/null 2>&1 && complain "agreed too late"
stop load
sed -i 's/^approve-seconds.*/approve-seconds = 120/' "$R/room.conf"
serve load || exit 1

# --- One alone, by the table ---------------------------------------------------------------------------------------------------
for p in $PEOPLE; do phrase_of "$p"; done | /usr/bin/python3 -B tests/people/attack.py "$R/people.sock" FFFF111111 \
	$(for p in $PEOPLE; do echo "$p:$(uid_of "$p"):$(role_of "$p")"; done) >"$WORK/attack" 2>&1 || complain "$(cat "$WORK/attack")"
cat "$WORK/attack"
ask sara state resume FFFF111111 # the attack has left it suspended
by anna approve "$(digest_in "$WORK/state")" >/dev/null 2>&1 || complain "a custodian does not agree to a supervisor"
ended state || complain "sara: $(cat "$WORK/state")"

# --- Sessions ----------------------------------------------------------------------------------------------------------------------
load() { inject "$1" "$2" FFFF111111 "unix:$WORK/t${1#TC-}.link" >"$WORK/kif" 2>&1; }
# open_session WHAT...: otto opens it, olga joins
open_session() {
	ask otto otto session "$@"
	rm -f "$WORK/olga"
	become olga session --join "$(digest_in "$WORK/otto")" >"$WORK/olga" 2>&1 &
	PID_olga=$! PIDS="$PIDS $!"
	until_says '^the session is open' "$WORK/otto"
	until_says '^the session is open' "$WORK/olga"
}
load TC-2 0 && complain "a station loads without operators"
grep -q 'bdk session' "$WORK/kif" || complain "kif was told: $(cat "$WORK/kif")"
open_session --key-set FFFF111111 --slot 0 TC-2 TC-3
grep -q "$(digest_in "$WORK/otto")" "$WORK/olga" && grep -q 'TC-3' "$WORK/olga" || complain "olga was shown: $(cat "$WORK/olga")"
load TC-2 0 || complain "a session that is open: $(cat "$WORK/kif")"
load TC-1 0 && complain "a terminal that is not in the session"
load TC-2 1 && complain "a slot that is not the session's"
"$BIN/kif" zeroize --room "$R" --port "unix:$WORK/t2.link" --serial TC-2 --reason decommission --slot all --ledger "$WORK/kif.db" \
	>/dev/null 2>&1 && complain "a session to load zeroizes"
stop olga
ended otto || complain "otto: $(cat "$WORK/otto")"
grep -q 'olga has left' "$WORK/otto" || complain "otto was told: $(cat "$WORK/otto")"
load TC-2 0 && complain "a session that one has left"
# Whoever is dismissed attends nothing, though still there.
open_session TC-1
ask anna dismissing dismiss otto
by bert approve "$(digest_in "$WORK/dismissing")" >/dev/null 2>&1 || complain "bert does not agree to a dismissal"
ended dismissing || complain "anna: $(cat "$WORK/dismissing")"
until_says 'has ended: otto was dismissed' "$WORK/olga"
ended olga || complain "olga: $(cat "$WORK/olga")"
ended otto || complain "otto: $(cat "$WORK/otto")"
ask anna appointing appoint otto --uid "$(uid_of otto)" --role operator
by bert approve "$(digest_in "$WORK/appointing")" >/dev/null 2>&1 && ended appointing && by otto passphrase >/dev/null ||
	complain "otto does not come back"
# The limits: nobody leaves, nobody loads.
cat >"$WORK/talk.py" <<'EOF'
# A station in the operators' session to zeroize TC-1 (op 40) that begins (op 41) again and again, and never has an OFFER
import socket, sys, time
def well(s, op):
    s.send(bytes([0, op]) + b"\x00\x32\x00\x04TC-1")
    return s.recv(65536)[:14] == bytes([0, op]) + b"\x00\x01\x00\x08" + bytes(8)
opened = False
while not opened: # there is none before the operators have opened it
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    opened = well(s, 40)
    time.sleep(0.02)
while True:
    if well(s, 41):
        print("talking", flush=True)
    time.sleep(0.02)
EOF
for limit in session-idle-seconds session-seconds; do
	stop load
	sed -i '/^session/d' "$R/room.conf" && echo "$limit = 3" >>"$R/room.conf"
	serve load || exit 1
	# A station that only talks keeps none open.
	/usr/bin/python3 "$WORK/talk.py" "$R/station.sock" >"$WORK/talk" 2>&1 &
	talker=$!
	PIDS="$PIDS $talker"
	open_session TC-1
	until_says talking "$WORK/talk"
	for p in otto olga; do
		ended $p || complain "$p: $(cat "$WORK/$p")"
		grep -q "has ended: .*$limit" "$WORK/$p" || complain "$p was told: $(cat "$WORK/$p")"
	done
	kill $talker 2>/dev/null
	wait $talker 2>/dev/null
	PIDS=${PIDS/ $talker/}
done

# --- What a passphrase is nowhere ------------------------------------------------------------------------------------------------
stop load
grep -raq 'the passphrase of' "$WORK/load" "$WORK"/*.log "$WORK"/*.err "$WORK"/*.db && complain "a passphrase in a file"
phrase_of anna >"$WORK/load/twin.log" # broken twin
grep -raq 'the passphrase of' "$WORK/load" || complain "the broken twin was not caught"
exit $fail
