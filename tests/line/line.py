"""Real enrolments and loadings over a bad line (tests/tools/noise.c), for tests/system/line.sh and tests/long/line.sh.

    line.py BIN TEST WORK sample|every|storm SECONDS

WORK holds the rooms ca, load and acquirer, served, and the key sets of SETS. Each terminal is enrolled over a damaged line,
then its four slots are loaded over damaged lines. After every session:
  - it ended by itself, in success or with one of the statuses of RETRY;
  - after a failure the same command on a clean line succeeds;
  - the terminal's display, the journal and the ledger tell of one load of one KSN with one check value;
  - what the till does with it decrypts at the acquirer (slots 2 and 3, whose key sets it has).
sample tries every kind of damage, and cuts spread evenly over the session, until it has enough or SECONDS are over; every cuts
at every byte; storm makes random damage for SECONDS (SEED=, else a new one, which is printed). Taps are in WORK/tap.*, what was loaded in WORK/loads.
"""
import itertools, json, os, random, re, signal, socket, struct, subprocess, sys, threading, time, zlib

BIN, TEST, WORK, MODE, SECONDS = sys.argv[1:5] + [float(sys.argv[5])]
SETS = ["FFFF111111", "22222222", "44444444", "FFFF333333"]  # of slots 0..3: two for a software acquirer, two for the room's
RETRY = {69, 74, 76}  # nothing answers or it is busy; the port vanished; the line cannot be believed: sysexits of base/err.c
HANG = 90             # no session lasts so long: kif is told to give up after 2 or 10 s a message, bdk enrol does after 20
BEGIN = time.time()
LANES = 4
PIN = "90785"

lock = threading.Lock()
faults, counts = [], {}
loads = open(WORK + "/loads", "w")


def left():
    return SECONDS - (time.time() - BEGIN)


def fault(text):
    with lock:
        faults.append(text)
        print("FAULT: " + text, flush=True)


def count(what):
    with lock:
        counts[what] = counts.get(what, 0) + 1


class Started:
    """A process that says READY on its standard output."""

    def __init__(self, args, ready, log):
        self.log = open(log, "w")
        self.p = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL, text=True)
        for line in self.p.stdout:
            if line.startswith(ready):
                break
        else:
            raise RuntimeError("%s did not start" % args[0])
        self.lines = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.p.stdout:
            self.lines.append(line.rstrip())

    def stop(self):
        self.p.terminate()
        self.p.wait()
        self.log.close()


def run(args, hint):
    """Status and output; a hang is a fault."""
    try:
        r = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG)
        return r.returncode, r.stdout + r.stderr
    except subprocess.TimeoutExpired:
        fault("%s hangs: %s" % (os.path.basename(args[0]), hint))
        return -1, ""


ROOT = re.search(r'"root": *"([0-9A-F]+)"', run([BIN + "/bdk", "info", "--room", WORK + "/ca", "--json"], "root")[1]).group(1)


# An earlier run in these rooms has left its terminals' serials behind.
numbers = itertools.count(100000 * len([n for n in os.listdir(WORK) if n.startswith("run.")]) + 1)
open("%s/run.%d" % (WORK, os.getpid()), "w").close()


# --- What display, journal and ledger say ---

def loaded(display):
    """{slot: [(ksn, kcv), ...]} of a display's lines: one entry a load."""
    said = {}
    for slot, ksn, kcv in re.findall(r"^SLOT (\d) LOADED (\w+) KCV (\w+)$", display, re.M):
        said.setdefault(int(slot), []).append((ksn, kcv))
    return said


def ledger(path, serial=None):
    """{slot: [(ksn, kcv, state), ...]} of one terminal, or of all."""
    status, out = run([BIN + "/kif"] + (["show", serial] if serial else ["list"]) + ["--json", "--ledger", path], "ledger")
    rows = {}
    for f in json.loads(out) if not status else []:
        rows.setdefault(f["slot"], []).append((f["initial_ksn"], f["check_value"], f["state"]))
    return rows


def journal(serial=None):
    """The same, as the room's journal has it."""
    path = "%s/journal-%s.db" % (WORK, threading.current_thread().name)
    status, out = run([BIN + "/kif", "rebuild", "--room", WORK + "/load", "--ledger", path], "journal")
    if status:
        fault("kif rebuild: " + out)
    return ledger(path, serial)


def judge(slot, shown, in_journal, in_ledger):
    """None, or what is wrong about one slot that was loaded."""
    if len(shown) != 1:
        return "the terminal tells of %d loads: %s" % (len(shown), shown)
    ksn, kcv = shown[0]
    if in_journal != [(ksn, kcv, "loaded")]:
        return "the journal says %s, the terminal %s" % (in_journal, shown)
    if in_ledger != [(ksn, kcv, "loaded")]:
        return "the ledger says %s, the terminal %s" % (in_ledger, shown)
    return None


def judge_twins():
    """Each of these is wrong in one way, and judge() has to see it."""
    row = ("K", "V", "loaded")
    good = [("K", "V")], [row], [row]
    bad = [
        ([("K", "V"), ("L", "W")], [row], [row]),              # two loads
        ([], [row], [row]),                                    # none
        (good[0], [("K", "W", "loaded")], [row]),              # another key
        (good[0], [row, ("L", "", "sent")], [row]),            # a second id
        (good[0], [("K", "V", "sent")], [row]),                # not settled
        (good[0], [row], [("L", "V", "loaded")]),              # another KSN
        (good[0], [row], []),
    ]
    if judge(0, *good) or not all(judge(0, *b) for b in bad):
        fault("a broken twin of the verdict was not caught")


# --- One lane: one terminal after the other ---

class Terminal:
    def __init__(self, number):
        self.serial = "TC-%d" % number
        self.base = "%s/t%d" % (WORK, number)
        self.ledger = "%s/kif-%s.db" % (WORK, threading.current_thread().name)
        self.at = 0
        self.start()
        run([BIN + "/bdk", "expect", "--room", WORK + "/ca", self.serial], "expect")

    def start(self):
        self.p = Started([BIN + "/terminal", "--nv", self.base + ".nv", "--link", "unix:%s.link" % self.base,
                          "--till", "unix:%s.till" % self.base, "--serial", self.serial, "--root", ROOT,
                          "--display", self.base + ".display"], "READY", self.base + ".err")

    def display(self):
        with open(self.base + ".display") as f:
            return f.read()

    def noise(self, damage):
        return Started([TEST + "/tools/noise", "--listen", "unix:%s.line" % self.base, "--to", self.base + ".link",
                        "--tap", "%s/tap.%s" % (WORK, threading.current_thread().name)] + damage, "noise: listening",
                       self.base + ".noise.err")

    def person(self, p, digits):
        """Reads the display and types what stands there, when bdk enrol asks."""
        while p.poll() is None:
            said = re.findall(r"^SPKI (.*)$", self.display(), re.M)
            if said:
                try:
                    fd = os.open(digits, os.O_WRONLY | os.O_NONBLOCK)
                    os.write(fd, (said[-1] + "\n").encode())
                    os.close(fd)
                    return
                except OSError:
                    pass
            time.sleep(0.005)

    def enrol(self, port):
        digits = self.base + ".digits"
        if os.path.exists(digits):
            os.unlink(digits)
        os.mkfifo(digits)
        p = subprocess.Popen([BIN + "/bdk", "enrol", "--room", WORK + "/ca", "--port", port, "--serial", self.serial,
                              "--digest-file", digits], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=self.person, args=(p, digits), daemon=True).start()
        try:
            out = p.communicate(timeout=HANG)[0]
        except subprocess.TimeoutExpired:
            p.kill()
            p.communicate()
            fault("bdk enrol hangs: %s" % self.serial)
            return -1, ""
        return p.returncode, out

    def load(self, slot, port, timeout):
        return run([BIN + "/kif", "inject", "--room", WORK + "/load", "--port", port, "--serial", self.serial, "--key-set",
                    SETS[slot], "--slot", str(slot), "--ledger", self.ledger, "--timeout", str(timeout)], self.serial)

    def session(self, what, act, damage, note):
        """One session over a damaged line, then, unless it succeeded, on a clean one."""
        n = self.noise(damage)
        status, out = act("unix:%s.line" % self.base)
        n.stop()
        hurt = [l for l in n.lines if re.match(r"noise: \w+ at", l)]
        if status == 0:
            count("%s %s: success" % (what, note))
        elif status in RETRY:
            count("%s %s: status %d, then success" % (what, note, status))
            status, again = act("unix:%s.link" % self.base)
            if status:
                fault("%s %s %s: after %r on a clean line status %d: %s" %
                      (self.serial, what, damage, out, status, again))
        else:
            fault("%s %s %s: status %d: %s" % (self.serial, what, damage, status, out))
        if damage and not hurt and "--at" in damage:
            count("%s %s: beyond the end" % (what, note))
        return status == 0

    def check(self, slots):
        said, rows, told = loaded(self.display()), journal(self.serial), ledger(self.ledger, self.serial)
        for slot in slots:
            wrong = judge(slot, said.get(slot, []), rows.get(slot, []), told.get(slot, []))
            if wrong:
                fault("%s slot %d: %s" % (self.serial, slot, wrong))
            else:
                with lock:
                    loads.write("%s %s\n" % said[slot][0])
        if set(said) - set(slots):
            fault("%s: slots %s are loaded, %s were asked for" % (self.serial, sorted(said), slots))

    def trade(self, slot):
        """A sale, recovered at the acquirer."""
        sale = subprocess.run([BIN + "/pos", "--till", "unix:%s.till" % self.base, "--slot", str(slot), "--count", "1"],
                              input="pan = 4111111111111111\npin = %s\namount = 1\ndata = of %s\n" % (PIN, self.serial),
                              capture_output=True, text=True, timeout=HANG)
        path = self.base + ".sale"
        with open(path, "w") as f:
            f.write(sale.stdout)
        status, out = run([BIN + "/acquirer", "decrypt", "--room", WORK + "/acquirer", path], "decrypt")
        if status or "pin = %s\n" % PIN not in out or "mac_verdict = ok" not in out or "of " + self.serial not in out:
            fault("%s slot %d: what it sends does not decrypt: %s%s" % (self.serial, slot, sale.stderr, out))
        count("round trip at the acquirer")

    def close(self):
        self.p.stop()
        for end in (".nv", ".display", ".err", ".noise.err", ".digits", ".sale"):
            if os.path.exists(self.base + end):
                os.unlink(self.base + end)


# --- The damage ---

def at(*pieces):
    return [w for n, kind in pieces for w in ("--at", "%d:%s" % (n, kind))]


def sizes():
    """How many bytes an enrolment and a loading are on a clean line: (enrolment, TDES load, AES load)."""
    t = Terminal(next(numbers))
    found = []
    for act in (t.enrol, lambda port: t.load(0, port, 2), lambda port: t.load(1, port, 2)):
        tap = "%s/tap.%s" % (WORK, threading.current_thread().name)
        before = sum(os.path.getsize(tap + e) if os.path.exists(tap + e) else 0 for e in (".station", ".terminal"))
        if not t.session("clean", act, [], "line"):
            sys.exit(1)
        found.append(sum(os.path.getsize(tap + e) for e in (".station", ".terminal")) - before)
    t.check([0, 1])
    garbage(t)
    t.close()
    return found


def work(e_size, l_size):
    """Yields (for an enrolment?, arguments of noise, a name)."""
    rng = random.Random(1)
    if MODE == "storm":
        seed = os.environ.get("SEED") or str(random.SystemRandom().getrandbits(32))
        print("SEED=" + seed, flush=True)
        rng = random.Random(seed)
        while left() > 0:
            baud = rng.choice([[], ["--baud", "115200"], ["--baud", "38400"]])
            rates = []
            for kind, least, most in (("flip", 300, 9000), ("drop", 300, 9000), ("dup", 300, 9000),
                                      ("stall", 400, 4000), ("unplug", 800, 9000)):
                if rng.random() < 0.6:
                    rates += ["--every", "%d:%s:%d" % (rng.randint(least, most), kind, rng.randint(5, 400))]
            yield rng.random() < 0.2, baud + rates + ["--seed", str(rng.getrandbits(32))], "storm"
        return
    if MODE == "every":
        for n in range(e_size):
            yield True, at((n, "unplug:20")), "unplugged"
        for n in range(l_size):
            yield False, at((n, "unplug:20")), "unplugged"
        for n in range(0, l_size, 7):
            yield False, at((n, "unplug:60000")), "unplugged for good"
        for n in range(0, l_size, 5):
            for kind in ("flip", "drop", "dup", "stall:100"):
                yield False, at((n, kind)), kind.split(":")[0]
        for n in range(0, e_size, 50):
            for kind in ("flip", "drop", "dup", "stall:100", "unplug:60000"):
                yield True, at((n, kind)), kind.split(":")[0]
        return
    cases = [(False, at((n, "unplug:20")), "unplugged") for n in range(3, l_size, l_size // 70)]
    cases += [(False, at((n, "unplug:60000")), "unplugged for good") for n in range(5, l_size, l_size // 8)]
    for kind in ("flip", "drop", "dup", "stall:100"):
        cases += [(False, at((n, kind)), kind.split(":")[0]) for n in range(11, l_size, l_size // 5)]
    cases += [(False, at((200, "unplug:20"), (900, "unplug:20"), (1500, "flip")), "three times hurt")]
    cases += [(False, ["--baud", "9600"], "at 9600 baud")]
    cases += [(False, ["--baud", "115200", "--every", "2500:flip", "--every", "3500:drop", "--every", "2000:dup", "--every",
                       "5000:unplug:20", "--seed", str(seed)], "storm") for seed in range(4)]
    rng.shuffle(cases)
    enrolments = [(True, at((n, "unplug:20")), "unplugged") for n in range(2, e_size, e_size // 40)]
    rng.shuffle(enrolments)
    enrolments[1] = (True, at((600, "unplug:60000")), "unplugged for good")
    enrolments[3] = (True, at((200, "flip")), "flip")
    enrolments[5] = (True, at((700, "drop")), "drop")
    enrolments[7] = (True, at((900, "dup")), "dup")
    yield from cases + enrolments


def lane(queues):
    """Terminals, as long as there is something to try; what has nothing left to try goes over a clean line."""
    def take(enrolment):
        with lock:
            return queues[enrolment].pop(0) if queues[enrolment] else None

    while True:
        # A storm's work is endless, a sample's ends early on a slow machine: whatever is started is finished.
        if MODE != "every" and left() <= 0:
            return
        first, jobs = take(True), [take(False) for _ in range(4)]
        if not first and not any(jobs):
            return
        try:
            with lock:
                number = next(numbers)
            t = Terminal(number)
            damage, note = first or ([], "on a clean line")
            if t.session("enrolment", t.enrol, damage, note):
                done = []
                for slot, job in enumerate(jobs):
                    timeout = 10 if job and job[1] == "storm" else 2
                    if job and t.session("load", lambda port: t.load(slot, port, timeout), *job):
                        done.append(slot)
                t.check(done)
                if 2 + number % 2 in done and (MODE == "sample" or number % 20 < 2):
                    t.trade(2 + number % 2)
            t.close()
        except Exception as e:
            fault("%s: %r" % (threading.current_thread().name, e))
            return


class Endless:
    """A queue that is filled from a generator as it is emptied."""

    def __init__(self, source, wanted, shelf):
        self.source, self.wanted, self.shelf = source, wanted, shelf

    def __bool__(self):
        shelf = self.shelf[self.wanted]
        while not shelf:
            job = next(self.source, None)
            if job is None:
                return False
            self.shelf[job[0]].append(job[1:])
        return True

    def pop(self, _):
        return self.shelf[self.wanted].pop(0)


# --- The terminal's UART fed with garbage ---

def frame(channel, sequence, payload):
    body = struct.pack(">BIH", 1, channel, sequence) + payload
    body += struct.pack("<I", zlib.crc32(body))
    return b"\x7e" + body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e"


def answers(s, channel):
    """Does the terminal answer an empty request within 10 s? Whatever came before is no answer to it."""
    s.sendall(frame(channel, 1, b""))
    want, got = b"\x02" + struct.pack(">IH", channel, 1), b""
    s.settimeout(10)
    try:
        while want not in got:
            more = s.recv(4096)
            if not more:
                return False
            got += more
    except socket.timeout:
        return False
    return True


def garbage(t):
    s = socket.socket(socket.AF_UNIX)
    s.connect(t.base + ".link")
    s.sendall(random.Random(7).randbytes(700000))
    if not answers(s, 0x01020304):
        fault("the terminal does not answer after 700,000 random bytes")
    s.close()
    # The broken twin: a terminal that does not run.
    os.kill(t.p.p.pid, signal.SIGSTOP)
    s = socket.socket(socket.AF_UNIX)
    s.connect(t.base + ".link")
    s.settimeout(0.2)
    s.sendall(frame(0x01020305, 1, b""))
    try:
        s.recv(1)
        fault("the broken twin (a terminal that is stopped) was not caught")
    except socket.timeout:
        pass
    os.kill(t.p.p.pid, signal.SIGCONT)
    s.close()


def main():
    judge_twins()
    threading.current_thread().name = "first"
    e_size, tdes, aes = sizes()
    print("an enrolment is %d bytes, a load %d (TDES) or %d (AES)" % (e_size, tdes, aes), flush=True)
    source, shelf = work(e_size, max(tdes, aes)), {True: [], False: []}
    queues = {True: Endless(source, True, shelf), False: Endless(source, False, shelf)}
    threads = [threading.Thread(target=lane, args=(queues,), name="lane%d" % i) for i in range(LANES)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    loads.close()
    # No id twice, over everything.
    given = [ksn for rows in journal().values() for ksn, _, _ in rows]
    rows, ids = len(given), len(set(given))
    if rows != ids:
        fault("%d loads, %d KSNs" % (rows, ids))
    for what in sorted(counts):
        print("%6d  %s" % (counts[what], what))
    print("%d loads with %d KSNs, %d faults, %d s" % (rows, ids, len(faults), time.time() - BEGIN))
    sys.exit(1 if faults else 0)


main()
