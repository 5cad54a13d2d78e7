# bdkd and its workers killed at random instants of concurrent ceremonies and loads:
#   kills.py WORK BIN KILLS SEED [BDKD [PRELOAD]]
# WORK as kills_world() of tests/people/tools.sh makes it. After each life what the journal holds is held against what its audit says, the token
# against both, the export against heads that were fetched before, and all of it against what people were told. Ends with 0, or
# with 1 and the first thing that is not so. BDKD, PRELOAD: a broken twin in bdkd's place.
import collections
import glob
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from person import BITS, Gone, Login, acts_of_two, appoint, audit_names, number, text

WORK, BIN, KILLS, SEED = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
BDKD, PRELOAD = (sys.argv[5:] + [BIN + "/bdkd", ""][len(sys.argv) - 5:])[:2]
ROOM = WORK + "/load"
BASE = {"FFFF111111": "tdes", "22222222": "aes128"}
PHRASE = "a passphrase that costs little"
PEOPLE = {"anna": "custodian", "bert": "custodian", "cora": "custodian,supervisor", "dora": "custodian,supervisor",
          "sara": "supervisor", "otto": "operator", "olga": "operator", "alma": "auditor"}
UID = {name: 60021 + i for i, name in enumerate(PEOPLE)}
TWO = {audit_names()[op]: roles for op, roles in acts_of_two().items()}
STATES = {1: "active", 2: "suspended", 3: "pre-active", 4: "deactivated", 5: "compromised", 6: "destroyed"}


class Violation(Exception):
    pass


def need(truth, what):
    if not truth:
        raise Violation(what)


# --- The journal, as it stands on the disk ------------------------------------------------------------------------------

class State:
    """What a copy of the journal says: the room's own is left for bdkd to recover."""

    def __init__(self):
        copy = WORK + "/copy"
        shutil.rmtree(copy, ignore_errors=True)
        os.mkdir(copy)
        for tail in ("", "-wal"):
            if os.path.exists(f"{ROOM}/journal.db{tail}"):
                shutil.copy(f"{ROOM}/journal.db{tail}", f"{copy}/journal.db{tail}")
        db = sqlite3.connect(copy + "/journal.db")
        need(db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the journal is damaged")
        need(not db.execute("PRAGMA foreign_key_check").fetchall(), "the journal has a row without its parent")

        def all_of(sql):
            return db.execute(sql).fetchall()
        self.audit = all_of("SELECT sequence, who, what, object, reason FROM audit ORDER BY sequence")
        self.states = collections.defaultdict(list)
        for key_set, state in all_of("SELECT key_set, state FROM key_state ORDER BY row"):
            self.states[key_set].append(STATES[state])
        self.key_sets = dict(all_of("SELECT id, scheme FROM key_set"))
        self.packages = {row[0] for row in all_of("SELECT key_set FROM package")}
        self.kbpks = collections.defaultdict(list)
        for kbpk, state in all_of("SELECT kbpk, state FROM kbpk_state ORDER BY row"):
            self.kbpks[kbpk].append(STATES[state])
        self.blocks = {row[0] for row in all_of("SELECT key FROM block")}
        self.proved = {row[0] for row in all_of("SELECT key_set FROM destruction WHERE proved > 0")}
        self.people = dict(all_of("SELECT name, roles FROM person"))
        self.leases = {row[0] for row in all_of("SELECT number FROM lease")}
        self.chain = dict(all_of("SELECT key_set, next FROM chain"))
        self.open = (all_of("SELECT value FROM meta WHERE name = 'ceremony open'") or [(0,)])[0][0]
        self.loads = all_of("SELECT key_set, id, spki, slot, first_count, serial FROM load")
        self.sent = collections.Counter(row[0] for row in all_of("SELECT l.serial FROM sent s JOIN load l ON l.row = s.load"))
        self.events = collections.Counter(all_of("SELECT l.serial, e.state FROM event e JOIN load l ON l.row = e.load"))
        db.close()


def expected(start, audit):
    """The state that the records after those of the start make of it."""
    now = start
    keys, roles = {k: list(v) for k, v in now.states.items()}, dict(now.people)
    packages, leases, chain, opened = set(now.packages), set(now.leases), dict(now.chain), now.open
    sent, receipts, agreed = collections.Counter(now.sent), collections.Counter(), None
    kbpks, blocks, proved = {k: list(v) for k, v in now.kbpks.items()}, set(now.blocks), set(now.proved)
    for sequence, who, what, of, reason in audit:
        if sequence <= len(start.audit):
            continue
        at = f"record {sequence} ({who} {what} {of})"
        if who == "bdkd" and what in ("drop", "skip", "start", "destroy", "kbpk-destroy"):	# bdkd comes back: what was agreed to before was cut off
            agreed = None
        if what in ("destroying", "kbpk-destroying"):	# the first half of what is durable in two steps
            need(agreed and agreed[0] == what[:-3] and who.split(" ")[0] == agreed[1], f"{at}: without a yes before it")
            if what == "destroying":
                keys[of.split(",")[0]].append("destroyed")
            else:
                kbpks[of.split(" ")[1]].append("destroyed")
            continue
        if agreed:
            need((what, who.split(" ")[0]) == agreed[:2], f"{at}: something came between a yes and its act")
        finished = what in ("destroy", "kbpk-destroy") and who == "bdkd"	# at a start: what two decided, and a kill has cut off
        if what in TWO and not reason and not finished:
            asks, agrees = TWO[what]
            names = re.fullmatch(r"(\S+) uid (\d+), (\S+) uid (\d+)", who)
            need(names, f"{at}: done by one person")
            first, uid, second, other = names.groups()
            need(first != second and uid != other, f"{at}: done by one person under two names")
            for name, may in ((first, asks), (second, agrees)):
                has = {role for role, bit in BITS.items() if roles.get(name, 0) & bit}
                need(has & may, f"{at}: {name} may not")
            need(agreed == (what, first, second), f"{at}: without a yes before it")
        if what in TWO:
            agreed = None
        if what == "approve" and not reason and ": agreed, " in of:
            op, first = re.fullmatch(r"(\S+) by (\S+): agreed, [0-9A-F]{64}", of).groups()
            agreed = (op, first, who.split(" ")[0])
        if reason:
            continue
        words = of.replace(",", "").split(" ")
        if what == "generate":
            need(words[0] not in keys, f"{at}: it was there before")
            keys[words[0]] = ["active"]
            packages.add(words[0])
        elif what == "generate-block":
            keys[words[0]] = ["active"]
            packages.add(words[0])
            blocks.add("bdk-" + words[0])
        elif what in ("state", "compromise"):
            keys[words[0]].append(words[1].rstrip(":"))
        elif what == "destroy":
            need(keys[words[0]][-1] == "destroyed" and words[0] not in proved, f"{at}: nobody decided it")
            proved.add(words[0])
        elif what == "kbpk-generate":
            kbpks[words[1]] = ["active"]
        elif what == "kbpk-compromise":
            kbpks[words[1]].append("compromised")
        elif what == "kbpk-destroy":
            need(kbpks[words[1]][-1] == "destroyed", f"{at}: nobody decided it")
        elif what == "appoint":
            need(words[0] not in roles, f"{at}: it was there before")
            roles[words[0]] = sum(BITS[role] for role in of.split(" ")[3].split(","))
        elif what == "dismiss":
            roles.pop(words[0])
        elif what == "accept":
            leases.add(int(words[1].rstrip(":")))
        elif what == "chain":
            chain[words[0]] = words[2]
        elif what == "ceremony" and of.startswith("opened:"):
            need(not opened, f"{at}: one was open")
            opened = sequence
        elif what == "ceremony":
            need(opened, f"{at}: none was open")
            opened = 0 if of.startswith("closed:") else opened
        elif what == "offer" and words[-1] == "sent":
            sent[words[0]] += 1
        elif what in ("offer", "receipt") and words[-1] == "loaded":
            receipts[words[0]] += 1
    return keys, packages, roles, leases, chain, opened, sent, receipts, kbpks, blocks, proved


def compare(start, now):
    keys, packages, roles, leases, chain, opened, sent, receipts, kbpks, blocks, proved = expected(start, now.audit)
    for what, is_now, should in (
            ("key sets and their states", dict(now.states), keys), ("key sets", set(now.key_sets), set(keys)),
            ("packages", now.packages, packages), ("people", now.people, roles), ("leases", now.leases, leases),
            ("chains", now.chain, chain), ("KBPKs and their states", dict(now.kbpks), kbpks), ("blocks", now.blocks, blocks),
            ("what is proved to be destroyed", now.proved, proved), ("the open ceremony", now.open, opened), ("KEYs sent", now.sent, sent)):
        need(is_now == should, f"{what}: the journal has {is_now}, the audit {should}")
    for unique in ((0, 1), (2, 3, 4)):
        rows = [tuple(row[i] for i in unique) for row in now.loads]
        need(len(rows) == len(set(rows)), "a device id, or a load, came twice")
    for serial, n in receipts.items():
        need(now.events[serial, 2] >= n, f"{serial}: {n} receipts, {now.events[serial, 2]} loads")


def token_alone(now, ending):
    """Each key of the journal is whole in the token, and what is destroyed is not there, but for KBPKs that somebody was just
    destroying. What the token holds besides."""
    copy = WORK + "/copy"
    shutil.copytree(ROOM + "/token", copy + "/token", ignore=shutil.ignore_patterns("*.conf"))
    with open(copy + "/conf", "w") as f:
        f.write(f"directories.tokendir = {copy}/token\nobjectstore.backend = file\n")
    with open(ROOM + "/pin") as f:
        pin = f.read().strip()
    def look():
        return subprocess.run(["pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--list-objects", "--login",
                               "--pin", pin, "--type", "secrkey"], env={**os.environ, "SOFTHSM2_CONF": copy + "/conf"},
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = look()
    if out.returncode:	# killed while SoftHSM wrote the token's own object: bdkd puts its copy back, too
        shutil.copy(copy + "/token/token.object", glob.glob(copy + "/token/*/token.object")[0])
        out = look()
    need(not out.returncode, "the token does not open")
    out = out.stdout.decode(errors="replace")
    labels = collections.Counter(re.findall(r"label: +(\S+)", out))
    held = collections.defaultdict(int)
    for label, n in labels.items():
        part = re.fullmatch(r"bdk-(?:variant-)?([0-9A-F]{8,10})|(kbpk-.+)", label)
        if part:
            held[part.group(1) or part.group(2)] += n
    for key_set, states in now.states.items():
        n = held.pop(key_set, 0)
        if key_set in now.proved:
            need(not n, f"key set {key_set} is destroyed, and in the token")
        elif states[-1] != "destroyed":
            need(n == (2 if len(key_set) == 10 else 1), f"key set {key_set} is not whole in the token: {n} objects")
    for kbpk, states in now.kbpks.items():
        n = held.pop("kbpk-" + kbpk, 0)
        if states[-1] == "destroyed":
            need(not n or kbpk in ending, f"KBPK {kbpk} is destroyed, and in the token")
        else:
            need(n == 1, f"KBPK {kbpk} is not in the token")
    return set(held)


# --- What people do -----------------------------------------------------------------------------------------------------------

class Life:
    """What everybody has done since bdkd was started."""

    def __init__(self, n, dice):
        self.n, self.dice, self.lock = n, dice, threading.Lock()
        self.flying, self.heads, self.making = {}, [], set()	# what was asked and is not answered yet
        self.told = collections.Counter()	# acts that somebody was told are done: (what, first, second)
        self.agreed = collections.Counter()	# and those that a second person has sent a yes for
        self.wrong, self.early = [], False
        self.busy = threading.Condition(self.lock)

    def begin(self, who, what):
        with self.lock:
            self.flying[who] = what
            self.busy.notify_all()

    def end(self, who):
        with self.lock:
            self.flying.pop(who, None)


class Actor(threading.Thread):
    def __init__(self, world, life, *names):
        super().__init__(daemon=True)
        self.world, self.life, self.names = world, life, names
        self.dice = random.Random(f"{SEED} {life.n} {names}")
        self.people = []

    def run(self):
        try:
            for name in self.names:
                p = self.world.logins[name].connect(ROOM + "/people.sock")
                self.people.append(p)
                result = p.login()
                need(result == "E_OK", f"login of {name}: {result}")
            while True:
                self.act()
        except Gone:
            pass
        except Violation as v:
            self.life.wrong.append(str(v))
        except Exception as x:	# a thread's own end would not be seen
            self.life.wrong.append(repr(x))
        for p in self.people:
            p.close()

    def two(self, first, second, op, *fields):
        """An act that takes two: what became of it."""
        what = audit_names_of[op]
        result, digest = first.wait(op, *fields)
        if result != "E_SECOND":
            need(result != "E_OK", f"{what}: done by one person, {first.name}")
            return result
        second.until_pending(digest)
        with self.life.lock:
            self.life.agreed[what, first.name, second.name] += 1
        self.life.begin(self, what)
        result = second.approve(digest)
        outcome = second.outcome() if result == "E_OK" else result
        told = first.receive()
        self.life.end(self)
        need(told == outcome or result != "E_OK", f"{what}: {first.name} was told {told}, {second.name} {outcome}")
        if outcome == "E_OK":
            with self.life.lock:
                self.life.told[what, first.name, second.name] += 1
        return outcome

    def one(self, person, op, *fields):
        self.life.begin(self, audit_names_of[op])
        result = person.ask(op, *fields)
        self.life.end(self)
        return result

    def wants(self, result, *good):
        """What may have come of it; also that a worker or a parser was killed in it."""
        need(result in (*good, "E_TOKEN", "E_PARSER"), f"{' and '.join(self.names)}: {result}")


audit_names_of = audit_names()


class Makers(Actor):
    """Two custodians: key sets, their packages, KBPKs, people."""

    def act(self):
        first, second = self.dice.sample(self.people, 2)
        what = self.dice.choice(["generate", "generate", "package", "appoint", "dismiss", "destroy", "compromise", "kbpk", "block", "end"])
        if what == "generate":
            scheme = self.dice.choice(["tdes", "aes128"])
            key_set = ("FFFF%06X" % self.dice.getrandbits(24)) if scheme == "tdes" else "%08X" % self.dice.getrandbits(32)
            self.life.making.add(key_set)
            result = self.two(first, second, "OP_GENERATE", ("F_SCHEME", text(scheme)), ("F_CERT", self.world.acquirer),
                              ("F_KEY_SET", text(key_set)))
            self.wants(result, "E_OK", "E_EXISTS")
            if result == "E_OK":
                self.world.made.append(key_set)
        elif what == "package":
            self.wants(self.two(first, second, "OP_PACKAGE", ("F_KEY_SET", text(self.dice.choice(list(BASE))))), "E_OK",
                       "E_KEY_SET_STATE")
        elif what in ("destroy", "compromise") and self.world.made:
            self.wants(self.two(first, second, "OP_" + what.upper(), ("F_KEY_SET", text(self.dice.choice(self.world.made))),
                                ("F_REASON", b"one of many")), "E_OK", "E_KEY_SET_STATE")
        elif what == "kbpk":
            name = "k%06x" % self.dice.getrandbits(24)
            self.life.making.add("kbpk-" + name)
            result = self.two(first, second, "OP_KBPK_GENERATE", ("F_KBPK", text(name)), ("F_ALGORITHM", b"AES128"))
            self.wants(result, "E_OK")
            if result == "E_OK":
                self.world.kbpks.append(name)
        elif what == "block" and self.world.kbpks:
            key_set = "%08X" % self.dice.getrandbits(32)
            self.life.making.add(key_set)
            self.wants(self.two(first, second, "OP_GENERATE_BLOCK", ("F_SCHEME", b"aes128"), ("F_KEY_SET", text(key_set)),
                                ("F_UNDER", text(self.dice.choice(self.world.kbpks)))), "E_OK", "E_KBPK")
        elif what == "end" and len(self.world.kbpks) > 3:
            name, op = self.world.kbpks[0], self.dice.choice(["OP_KBPK_DESTROY", "OP_KBPK_COMPROMISE"])
            self.world.ending.add(name)
            result = self.two(first, second, op, ("F_KBPK", text(name)), ("F_REASON", b"one of many"))
            self.wants(result, "E_OK", "E_KBPK")
            if op == "OP_KBPK_DESTROY" and result in ("E_OK", "E_KBPK"):
                self.world.kbpks.remove(name)
                self.world.ending.discard(name)
        elif what == "appoint":
            self.wants(self.two(first, second, "OP_APPOINT", ("F_NAME", b"spare"), ("F_UID", number(60099)),
                                ("F_ROLE", b"operator")), "E_OK", "E_EXISTS")
        elif what == "dismiss":
            self.wants(self.two(first, second, "OP_DISMISS", ("F_NAME", b"spare")), "E_OK", "E_PERSON")


class Keepers(Actor):
    """Two who are custodian and supervisor: states, leases, chains."""

    def act(self):
        first, second = self.dice.sample(self.people, 2)
        what = self.dice.choice(["state", "state", "accept", "chain"])
        if what == "state":
            for state in ("suspended", "active"):
                key_set = self.dice.choice(self.world.made or list(BASE))
                self.wants(self.two(first, second, "OP_STATE", ("F_KEY_SET", text(key_set)), ("F_STATE", text(state))),
                           "E_OK", "E_KEY_SET_STATE")
        elif what == "accept":
            self.wants(self.two(first, second, "OP_ACCEPT", ("F_LEASE", self.dice.choice(self.world.leases))), "E_OK", "E_EXISTS",
                       "E_KEY_SET_STATE")
        else:
            follows = [k for k in self.world.made if len(k) == 10] or ["FFFF111111"]
            self.two(first, second, "OP_CHAIN", ("F_KEY_SET", b"FFFF111111"), ("F_FOLLOWER", text(self.dice.choice(follows))))


class Leader(Actor):
    """A supervisor writes down what a ceremony is, and prints its record."""

    def act(self):
        for state in ("opened", "present", "remark", "closed"):
            self.wants(self.one(self.people[0], "OP_CEREMONY", ("F_STATE", text(state)), ("F_OBJECT", b"one of many")),
                       "E_OK", "E_EXISTS")
        self.wants(self.one(self.people[0], "OP_RECORD"), "E_OK")
        self.wants(self.one(self.people[0], "OP_HANDOVER"), "E_OK")
        time.sleep(0.05)	# leave the room to the others


class Operators(Actor):
    """Two operators open sessions, for a station that loads terminals and zeroizes them."""

    def station(self, *args):
        self.life.begin(self, args[0])
        p = subprocess.run([BIN + "/kif", *args, "--room", ROOM, "--ledger", WORK + "/kif.db", "--timeout", "3"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.life.end(self)
        self.world.station[args[0], p.returncode] += 1

    def act(self):
        first, second = self.dice.sample(self.people, 2)
        serials = list(self.world.terminals)
        fields = [("F_SERIAL", text(s)) for s in serials]
        key_set, slot = self.dice.choice(list(BASE)), self.dice.randrange(4)
        load = self.dice.random() < 0.6
        if load:
            fields += [("F_KEY_SET", text(key_set)), ("F_SLOT", number(slot))]
        self.wants(self.two(first, second, "OP_OPEN", *fields), "E_OK", "E_KEY_SET_STATE")
        for serial in serials:
            at = ["--port", self.world.terminals[serial], "--serial", serial]
            if load:
                self.station("inject", *at, "--key-set", key_set, "--slot", str(slot))
            else:
                self.station("zeroize", *at, "--slot", "all", "--reason", "reload")
        first.close()	# which ends the session
        self.people.remove(first)
        second.close()
        self.people.remove(second)
        for p in (first, second):
            self.people.append(self.world.logins[p.name].connect(ROOM + "/people.sock"))
            self.people[-1].login()


class Lone(Actor):
    """One person who tries what takes two, also with the help of who may not agree."""

    def act(self):
        one, again, helper = self.people
        op, *fields = self.dice.choice([
            ("OP_STATE", ("F_KEY_SET", b"22222222"), ("F_STATE", b"suspended")),
            ("OP_PACKAGE", ("F_KEY_SET", b"22222222")),
            ("OP_APPOINT", ("F_NAME", b"mine"), ("F_UID", number(60098)), ("F_ROLE", b"custodian")),
            ("OP_DISMISS", ("F_NAME", b"anna"))])
        result, digest = one.wait(op, *fields)
        need(result == "E_SECOND", f"{op} by one person: {result}")
        again.until_pending(digest)
        for other in (again, helper):
            self.wants(other.approve(digest), "E_DENIED")
        one.close()
        self.people[0] = self.world.logins[one.name].connect(ROOM + "/people.sock")
        self.people[0].login()


class Auditor(Actor):
    """Fetches heads, and keeps them where the room cannot write."""

    def act(self):
        if self.people[0].ask("OP_HEAD") == "E_OK":
            self.life.heads.append(self.people[0].get("F_HEAD").decode())
        time.sleep(0.05)


# --- The world --------------------------------------------------------------------------------------------------------------

class World:
    def __init__(self):
        self.terminals = dict(line.split() for line in open(WORK + "/terminals"))
        with open(WORK + "/acquirer.der", "rb") as f:
            self.acquirer = f.read()
        self.leases = []
        for name in sorted(os.listdir(WORK + "/leases")):
            with open(f"{WORK}/leases/{name}", "rb") as f:
                self.leases.append(f.read())
        appoint(ROOM, {name: (UID[name], PEOPLE[name]) for name in PEOPLE}, PHRASE)
        self.start, self.heads, self.made, self.kbpks = State(), [open(WORK + "/head").read()], [], []
        self.ending = set()	# KBPKs whose destruction may have been cut off between token and journal: it is done again
        self.cut = token_alone(self.start, set())	# what the last act has left
        self.station = collections.Counter()
        self.logins = {name: Login(name, UID[name], PEOPLE[name], PHRASE) for name in PEOPLE}
        self.struck = collections.Counter()
        self.seen, self.workers, self.orphans = len(self.start.audit), 0, 0

    def bdkd(self):
        env = {**os.environ, "LD_PRELOAD": PRELOAD} if PRELOAD else os.environ
        with open(WORK + "/bdkd.err", "ab") as err:
            return subprocess.Popen([BDKD, "--room", ROOM], stdout=subprocess.PIPE, stderr=err, env=env)

    def kill_worker(self, life, parent):
        kids = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as f:
                    if int(f.read().rpartition(")")[2].split()[1]) != parent:
                        continue
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if b"--worker" in f.read():
                        kids.append(int(pid))
            except OSError:
                pass
        if kids:
            victim = life.dice.choice(sorted(kids))
            if victim > 1:
                os.kill(victim, signal.SIGKILL)
                self.workers += 1

    def wait_for_an_act(self, life):
        """Most instants are chosen shortly after somebody has asked for something: a random one is often in nobody's act. Of some lives
        the station's: loads and what empties the terminals again."""
        acts = TWO if life.dice.random() < 0.6 else ("inject", "zeroize")
        with life.busy:
            life.busy.wait_for(lambda: any(w in acts for w in life.flying.values()), timeout=5)
        time.sleep(life.dice.choice([0, 0.001, 0.004, 0.016] if acts is TWO else [0.1, 0.5, 3]) * life.dice.random())

    def verify(self):
        """The export, against every head that was ever fetched."""
        with open(WORK + "/audit.jsonl", "wb") as f:
            subprocess.run([BIN + "/bdk", "audit", "export", "--room", ROOM], stdout=f, check=True, user=UID["alma"],
                           group=UID["alma"], extra_groups=[])
        with open(WORK + "/heads", "w") as f:
            f.write("\n".join(self.heads))
        p = subprocess.run([BIN + "/bdk", "audit", "verify", WORK + "/audit.jsonl", "--key", WORK + "/records.pem",
                            "--head", WORK + "/heads"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        need(p.returncode == 0, f"bdk audit verify: {p.stdout.decode()}")

    def live(self, n):
        """One life, and its end. False: it ended before it began."""
        life = Life(n, random.Random(f"{SEED} {n}"))
        room = self.bdkd()
        need(room.pid > 1, "no bdkd")
        early = life.early = life.dice.random() < 0.05
        if early:
            time.sleep(life.dice.random() * 0.5)	# in the middle of its start
        else:
            line = room.stdout.readline()
            need(line.startswith(b"bdkd: serving"), f"bdkd does not start: {open(WORK + '/bdkd.err').read()[-300:]}")
            self.verify()
        actors = [Makers(self, life, "anna", "bert"), Keepers(self, life, "cora", "dora"), Leader(self, life, "sara"),
                  Operators(self, life, "otto", "olga"), Lone(self, life, "bert", "bert", "olga"), Auditor(self, life, "alma")]
        if not early:
            for a in actors:
                a.start()
            for _ in range(life.dice.choice([0, 0, 1, 2])):
                time.sleep(life.dice.random() * 0.3)
                self.kill_worker(life, room.pid)
            time.sleep(life.dice.random() * life.dice.choice([0.3, 0.6, 1.8]))
            if life.dice.random() < 0.7:
                self.wait_for_an_act(life)
        with life.lock:
            flying = list(life.flying.values())
        os.kill(room.pid, signal.SIGKILL)
        room.wait()
        room.stdout.close()
        if not early:
            for a in actors:
                a.join(timeout=60)
                need(not a.is_alive(), f"{a.names} hang")
        need(not life.wrong, "; ".join(life.wrong))
        self.struck["nothing" if not flying else "two" if any(w in TWO for w in flying) else "one"] += 1
        for what in flying:
            self.struck["in " + what] += 1
        self.check(life)

    def check(self, life):
        now = State()
        self.heads += life.heads
        compare(self.start, now)
        new = [row for row in now.audit if row[0] > self.seen]
        done = collections.Counter()
        for _, who, what, _, reason in new:
            names = re.fullmatch(r"(\S+) uid \d+, (\S+) uid \d+", who)
            if names and not reason and what in TWO:
                done[(what, *names.groups())] += 1
        for act, times in life.told.items():
            need(done[act] >= times, f"{act}: told {times} times that it is done, the audit has {done[act]}")
        for act, times in done.items():
            need(life.agreed[act] >= times, f"{act}: done {times} times, agreed to {life.agreed[act]} times")
        alone = token_alone(now, self.ending)
        # Of earlier lives there is nothing left: what was cut off in its making went when the room was opened.
        need(alone <= (life.making | (self.cut if life.early else set())), f"the token holds {alone}, which nobody was making")
        self.orphans += len(alone - self.cut)
        self.cut = alone
        self.made = [k for k, states in now.states.items() if k not in BASE and states[-1] != "destroyed"]
        self.kbpks = [k for k, states in now.kbpks.items() if states[-1] != "destroyed"]
        self.seen = len(now.audit)
        self.last = now

    def end(self):
        """Once more, to look at what the last kill has left."""
        room = self.bdkd()
        room.stdout.readline()
        self.verify()
        room.terminate()
        room.wait()
        room.stdout.close()
        self.check(Life(-1, random.Random(SEED)))
        for login in reversed(self.logins.values()):	# each has the pipes of those before
            login.close()


def main():
    begin, world, status = time.monotonic(), World(), 0
    try:
        for n in range(KILLS):
            try:
                world.live(n)
            except Violation as v:
                raise Violation(f"life {n} of seed {SEED}: {v}") from v
        world.end()
    except Violation as v:
        print(v)
        for record in State().audit[-40:]:	# where it happened
            print(*record)
        status = 1
    s, now = world.struck, getattr(world, "last", world.start)
    inside = ", ".join(f"{n} {what}" for what, n in sorted(s.items()) if what.startswith("in "))
    print(f"{s['two'] + s['one'] + s['nothing']} kills of bdkd, {s['two'] + s['one']} inside an act ({s['two']} inside one that takes "
          f"two), and {world.workers} of workers; {inside}")
    print(f"{len(now.audit)} records, {len(world.heads)} heads held, {len(now.key_sets)} key sets, {len(now.loads)} loads, "
          f"{world.orphans} keys cut off in their making; {dict(world.station)}; {time.monotonic() - begin:.0f} s")
    sys.stdout.flush()
    os._exit(status)


main()
