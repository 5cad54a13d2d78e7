#!/bin/bash
# lab as test labs use it: streams of stanzas in bounded memory, validation of this implementation on both back ends, of a
# program in another language and of its broken twin, of a terminal loaded with a published key set and device id; every
# report well-formed.
set -u
WORK=$(mktemp -d) fail=0
. tools/rooms.sh
trap 'stop_all; rm -rf "$WORK"' EXIT
complain() { echo "$*"; fail=1; }
LAB=$BIN/lab BEARSSL=$TEST/tools/lab-bearssl
export HOME=$WORK PATH=$BIN:$PATH
EXAMPLE="python3 examples/lab/dukpt.py"

# Answers come in order, one each; a bad stanza gets its refusal, and the next one is answered.
printf 'case = a\nbdk = fedcba9876543210f1f1f1f1f1f1f1f1\nksn = 123456789012345600000001\n\nnonsense\n\ncase = c\nksn = 1\n\ncase = d\n
ik = 6AC292FAA1315B4D858AB3A3D7D5933A\nksn = 9876543210E00001\n' >"$WORK/in"
"$LAB" derive <"$WORK/in" >"$WORK/out" 2>"$WORK/err"
[ $? -eq 65 ] || complain "a refused stanza did not show in the status"
[ "$(sed -n 's/^status = //p' "$WORK/out" | tr '\n' ' ')" = 'ok refused refused refused ok ' ] || complain "answers: $(cat "$WORK/out")"
grep -q '^key_pin = AF8CB133A78F8DC2D1359F18527593FB$' "$WORK/out" || complain "the AES PIN key is not there"
grep -q '^txn_key = 042666B49184CFA368DE9628D0397BC9$' "$WORK/out" || complain "the TDES key is not there"
[ -s "$WORK/err" ] && complain "something on standard error: $(cat "$WORK/err")"
"$LAB" derive "$WORK/in" | cmp -s - "$WORK/out" || complain "a file is not answered as standard input is"
"$LAB" derive </dev/null >/dev/null 2>&1
[ $? -eq 65 ] || complain "no stanza at all is no error"

# Ask and read by turns, over pipes: an answer does not wait for the next question.
timeout 10 python3 - "$LAB" <<'END' || complain "lab does not answer by turns"
import subprocess, sys
p = subprocess.Popen([sys.argv[1], "ksn"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
for tc in ("000001", "000003", "1FF800"):
    p.stdin.write("tc = %s\n\n" % tc)
    p.stdin.flush()
    seen = []
    while (line := p.stdout.readline()) != "\n":
        seen.append(line)
    assert "tc = %s\n" % tc in seen, seen
p.stdin.close()
assert p.wait() == 0
END

# Many stanzas take the memory of few, and both back ends give the same.
stanzas() {
	python3 - "$1" <<'END'
import random, sys
random.seed(24)
for i in range(int(sys.argv[1])):
    if i % 2:
        c = sum(1 << b for b in random.sample(range(21), random.randint(1, 10)))
        print("scheme = tdes\nbdk = 0123456789ABCDEFFEDCBA9876543210\nksn = %020X\n" % (0xFFFF9876543210E00000 & ~0x1FFFFF | c))
    else:
        c = sum(1 << b for b in random.sample(range(32), random.randint(1, 16)))
        print("scheme = aes128\nbdk = FEDCBA9876543210F1F1F1F1F1F1F1F1\nksn = 1234567890123456%08X\n" % c)
END
}
stanzas 2000 >"$WORK/few"
stanzas "${LAB_STANZAS:-200000}" >"$WORK/many"
# most KILOBYTES: the most memory that lab had while it answered
most() {
	python3 - "$LAB" "$1" "$2" <<'END'
import resource, subprocess, sys
with open(sys.argv[2]) as i, open(sys.argv[3], "w") as o:
    subprocess.run([sys.argv[1], "derive"], stdin=i, stdout=o, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
END
}
few=$(most "$WORK/few" "$WORK/few.out")
t0=$(date +%s%N)
many=$(most "$WORK/many" "$WORK/many.out")
ms=$((($(date +%s%N) - t0) / 1000000))
echo "${LAB_STANZAS:-200000} stanzas in $ms ms; $few kB for 2000, $many kB for all"
[ "$many" -le $((few + 512)) ] || complain "memory grows with the stream: $few kB, then $many kB"
[ "$(grep -c '^status = ok$' "$WORK/many.out")" = "${LAB_STANZAS:-200000}" ] || complain "not every stanza was answered"
"$BEARSSL" derive <"$WORK/few" | cmp -s - "$WORK/few.out" || complain "the back ends differ"

# An implementation that shares no code gives the same keys: random KSNs, all lengths of BDK, all types of working keys.
python3 - >"$WORK/random" <<'END'
import random
random.seed(9)
types = ["2TDEA", "3TDEA", "AES128", "HMAC128", "AES192", "HMAC192", "AES256", "HMAC256"]
for i in range(3000):
    size = (16, 24, 32)[i % 3]
    c = sum(1 << b for b in random.sample(range(32), random.randint(1, 16)))
    print("command = derive\nbdk = %s\nksn = %016X%08X\nworking_key_type = %s\n"
          % (random.randbytes(size).hex(), random.getrandbits(64), c, random.choice(types[:size // 4])))
END
"$LAB" answer "$WORK/random" >"$WORK/random.out"
$EXAMPLE <"$WORK/random" | tr a-f A-F | sed 's/^[^=]*/\L&/; s/= OK$/= ok/' | cmp - <(tr a-f A-F <"$WORK/random.out" |
	sed 's/^[^=]*/\L&/; s/= OK$/= ok/') || complain "an independent implementation disagrees"
[ "$(grep -c '^status = ok$' "$WORK/random.out")" = 3000 ] || complain "$(grep -m 1 reason "$WORK/random.out")"

# No key in the arguments, and none left over: the programs have no option that takes one.
"$LAB" derive --help | grep -qiE -- '--(bdk|ik|key) ' && complain "a key can be given as an argument"

# Every row, on both back ends; each report well-formed and saying the same.
total=
for lab in "$LAB" "$BEARSSL"; do
	"$lab" validate >"$WORK/people" 2>"$WORK/err" || complain "$lab validate: $(tail -n 20 "$WORK/people")"
	[ -s "$WORK/err" ] && complain "a progress bar where there is no terminal: $(head -c 200 "$WORK/err")"
	last=$(tail -n 1 "$WORK/people" | sed 's/, in .*//')
	[ "${total:=$last}" = "$last" ] || complain "the back ends differ: $total; $last"
done
echo "$total" | grep -qE ': [0-9]{3} ok, 0 failed, 0 not asked$' || complain "$total"
"$LAB" validate --format html | grep -q 'with OpenSSL' || complain "the page does not name the back end OpenSSL"
"$BEARSSL" validate --format html | grep -q 'with BearSSL' || complain "the page does not name the back end BearSSL"

# A program in another language agrees; its twin with one wrong figure fails in that row alone, with status 1.
"$LAB" validate --exec "$EXAMPLE" >"$WORK/people" || complain "the example: $(grep -A 8 FAILED "$WORK/people" | head -n 20)"
tail -n 1 "$WORK/people" | grep -qE ': (8|9)[0-9] ok, 0 failed, ' || complain "the example: $(tail -n 1 "$WORK/people")"
# deriv_key of AES128-from-AES128-tc00000002 alone begins so
TWIN="$EXAMPLE | sed s/^deriv_key.=.2f34d68de10f68d38091a73b9e7c437c/deriv_key=2f34d68de10f68d38091a73b9e7c437d/"
for format in people tap junit html; do
	"$LAB" validate --exec "$TWIN" --format $format --out "$WORK/twin.$format"
	[ $? -eq 1 ] || complain "the broken twin did not give status 1 ($format)"
	"$LAB" validate --format $format --out "$WORK/good.$format" || complain "--format $format"
done
[ "$(grep -c ^FAILED "$WORK/twin.people")" = 1 ] && grep -q '^FAILED .*AES128-from-AES128-tc00000002' "$WORK/twin.people" ||
	complain "the broken twin: $(grep ^FAILED "$WORK/twin.people")"
grep -q 'expected  2F34D68DE10F68D38091A73B9E7C437C' "$WORK/twin.people" || complain "what was expected is not said"
grep -q 'found     2f34d68de10f68d38091a73b9e7c437d' "$WORK/twin.people" || complain "what was found is not said"
python3 - "$WORK" <<'END' || complain "a report is not well-formed"
import html.parser, re, sys, xml.etree.ElementTree as tree

def tap(path):
    lines = open(path).read().splitlines()
    assert lines[0] == "TAP version 13"
    plan = int(lines[1].split("..")[1])
    points = [re.match(r"(not )?ok (\d+) - [^#]+( # SKIP .+)?$", l) for l in lines if re.match(r"(not )?ok ", l)]
    assert all(points) and [int(p[2]) for p in points] == list(range(1, plan + 1))
    assert sum(l == "  ---" for l in lines) == sum(l == "  ..." for l in lines) == sum(bool(p[1]) for p in points)
    return plan, sum(bool(p[1]) for p in points), sum(bool(p[3]) for p in points)

def junit(path):
    suite = tree.parse(path).getroot().find("testsuite")
    cases = suite.findall("testcase")
    n = len(cases), sum(c.find("failure") is not None for c in cases), sum(c.find("skipped") is not None for c in cases)
    assert n == tuple(int(suite.get(k)) for k in ("tests", "failures", "skipped"))
    return n

class Page(html.parser.HTMLParser):
    """What is open is closed in order, but for the elements whose end HTML leaves out; nothing is fetched."""
    alone, optional = {"meta", "br", "link", "img"}, {"th", "td", "dt", "dd", "tr"}
    def __init__(self, path):
        super().__init__()
        self.open, self.count, self.ids, self.refs = [], {}, set(), set()
        self.feed(open(path).read())
        assert not self.open, self.open
        assert self.refs <= self.ids, self.refs - self.ids
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert tag not in ("script", "link", "img", "iframe") and "src" not in attrs
        if "id" in attrs:
            assert attrs["id"] not in self.ids
            self.ids.add(attrs["id"])
        if tag == "a":
            assert attrs["href"].startswith("#")
            self.refs.add(attrs["href"][1:])
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in self.alone | self.optional:
            self.open.append(tag)
    def handle_endtag(self, tag):
        if tag not in self.optional:
            assert self.open.pop() == tag, tag

for name, failures in ("good", 0), ("twin", 1):
    a, b = tap("%s/%s.tap" % (sys.argv[1], name)), junit("%s/%s.junit" % (sys.argv[1], name))
    assert a == b and a[1] == failures, (a, b)
    page = Page("%s/%s.html" % (sys.argv[1], name))
    assert page.count["h1"] == 1 and page.count["tr"] > a[0]
END

# A program that says nothing, or never ends, fails everything it was asked; it does not hang.
"$LAB" validate --exec true --format tap vectors/tdes.txt | grep -c '^not ok' | grep -qx 48 || complain "silence passed"
timeout 20 "$LAB" validate --exec 'sleep 60' --patience 1 vectors/tdes.txt >/dev/null
[ $? -eq 1 ] || complain "a program that does not answer"
"$LAB" validate --format pdf >/dev/null 2>&1
[ $? -eq 64 ] || complain "--format pdf"
"$LAB" validate --vectors "$WORK/none" >/dev/null 2>&1
[ $? -eq 74 ] || complain "--vectors none"

# A terminal, loaded with the published key set and device ids: its KSNs are the published ones.
three_rooms || exit 1
boot t1 TC-1 ca "unix:$WORK/t1.link" && enrol t1 TC-1 ca "unix:$WORK/t1.link" >/dev/null 2>&1 || exit 1
# judge SCHEME KEYSET DEVICE SLOT COUNT FILE
judge() {
	"$BIN/bdk" generate --room "$WORK/load" --for "$WORK/acquirer.crt" --scheme "$1" --id "$2" --out "$WORK/$1.krx" \
		>/dev/null 2>&1 && lease "$2" "$1" "$3-$3" && "$BIN/bdk" import --room "$WORK/acquirer" "$WORK/$1.krx" >/dev/null || return
	"$LAB" validate --port "unix:$WORK/t1.link" --till "unix:$WORK/t1.till" --serial TC-1 --room "$WORK/load" \
		--acquirer "$WORK/acquirer" --key-set "$2" --slot "$4" --count "$5" "vectors/$6" >"$WORK/people" 2>"$WORK/err" ||
		complain "terminal, $1: status $?: $(cat "$WORK/err" "$WORK/people")"
	tail -n 1 "$WORK/people"
}
judge tdes FFFF987654 102535 0 21 x9.24-1-2009.txt | grep -q ' 63 ok, 0 failed, 13 not asked' || complain "TDES: $(cat "$WORK/err" "$WORK/people" | head -30)"
judge aes128 12345678 2417112150 1 8 x9.24-3-2017-format4.txt | grep -q ' 24 ok, 0 failed, 0 not asked' ||
	complain "AES: $(cat "$WORK/err" "$WORK/people" | head -30)"
# Broken twin: a terminal that has moved on since it was loaded emits others.
printf 'pin = 1234\npan = 4012345678909\namount = 1\ndata = x\n' | "$BIN/pos" --till "unix:$WORK/t1.till" --slot 0 --count 1 >/dev/null
printf '#!/bin/sh\nexit 0\n' >"$WORK/kif" && chmod +x "$WORK/kif"
PATH=$WORK:$PATH "$LAB" validate --port "unix:$WORK/t1.link" --till "unix:$WORK/t1.till" --serial TC-1 --room "$WORK/load" \
	--key-set FFFF987654 --count 3 vectors/x9.24-1-2009.txt >"$WORK/people" 2>&1
[ $? -eq 1 ] || complain "a terminal that is not at its first transaction was not caught: $(tail -n 1 "$WORK/people")"
exit $fail
