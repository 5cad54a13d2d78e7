# What one person tries at every act that takes two, in a room that goes by its people, over people.sock:
#   alone.py BDKD ROOM WORK   ROOM is served by nobody; WORK has what tests/people/tools.sh makes
# The acts, who may ask and who may agree are read out of bdk/rule.c. Each is asked by everybody, and agreed to by whoever may not:
# the same person on another connection, one of another role, one who was dismissed, one who is kept out, one who has given no
# passphrase. Nothing changes, and the audit has each refusal. Two people together have to come through, in the end.
import collections
import glob
import os
import sqlite3
import subprocess
import sys

from person import Login, acts_of_two, appoint, audit_names, number, text

BDKD, ROOM, WORK = sys.argv[1:4]
PHRASE = "a passphrase that costs little"
PEOPLE = {"anna": "custodian", "bert": "custodian", "sara": "supervisor", "otto": "operator", "alma": "auditor",
          "gone": "custodian,supervisor", "kept": "custodian,supervisor"}
UID = {name: 60031 + i for i, name in enumerate(PEOPLE)}
failed = 0


def complain(what):
    global failed
    print(what)
    failed = 1


def expect(what, got, *wanted):
    if got not in wanted:
        complain(f"{what}: {got}, not {' or '.join(wanted)}")


def content(name):
    with open(WORK + "/" + name, "rb") as f:
        return f.read()


# What would change something, if it were done; an act that is not here is asked without a field.
FIELDS = {
    "OP_STATE": [("F_KEY_SET", b"FFFF111111"), ("F_STATE", b"suspended")],
    "OP_PACKAGE": [("F_KEY_SET", b"FFFF111111")],
    "OP_GENERATE": [("F_SCHEME", b"aes128"), ("F_CERT", content("acquirer.der"))],
    "OP_CHAIN": [("F_KEY_SET", b"FFFF111111"), ("F_FOLLOWER", b"FFFF222222")],
    "OP_APPOINT": [("F_NAME", b"mine"), ("F_UID", number(60099)), ("F_ROLE", b"custodian")],
    "OP_DISMISS": [("F_NAME", b"bert")],
    "OP_REVOKE": [("F_SERIAL", b"TC-1"), ("F_REASON", b"lost")],
    "OP_DISOWN": [("F_CERT", content("acquirer.der")), ("F_REASON", b"lost")],
    "OP_CERTIFY": [("F_ROLE", b"acquirer"), ("F_CSR", content("acquirer.csr.der"))],
    "OP_LEASE": [("F_KEY_SET", b"FFFF111111"), ("F_SCHEME", b"tdes"), ("F_FIRST", number(60000)), ("F_LAST", number(60009))],
    "OP_IMPORT": [("F_PACKAGE", content("package"))],
    "OP_OPEN": [("F_SERIAL", b"TC-1")],
}


def tables():
    """The journal but for what stands in it of attempts."""
    with sqlite3.connect(f"file:{ROOM}/journal.db?mode=ro", uri=True) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]
        found = {n: db.execute(f"SELECT * FROM {n}").fetchall() for n in names if n not in ("audit", "head", "sqlite_sequence")}
        audit = db.execute("SELECT what, reason FROM audit ORDER BY sequence").fetchall()
    db.close()
    found["in the token"] = sorted(os.path.basename(f) for f in glob.glob(ROOM + "/token/*/*.object"))
    return found, audit


class Everybody:
    def __init__(self):
        self.logins = {name: Login(name, UID[name], PEOPLE[name], PHRASE) for name in PEOPLE}

    def connect(self, name, proved=True):
        p = self.logins[name].connect(ROOM + "/people.sock")
        if proved:
            expect(f"login of {name}", p.login(), "E_OK")
        return p


def may(name, those):
    return set(PEOPLE[name].split(",")) & those


def together(first, second, op, *fields):
    """As two people do it: what became of it"""
    result, digest = first.wait(op, *fields)
    expect(op, result, "E_SECOND")
    second.until_pending(digest)
    expect(f"agreeing to {op}", second.approve(digest), "E_OK")
    expect(op, first.receive(), second.outcome())
    return second.outcome()


def attempts(world, acts, names):
    """Every act by everybody: how many attempts, and what the audit has to say of them"""
    refused, tried = collections.Counter(), 0
    proved = {name: world.connect(name) for name in PEOPLE if name != "kept"}
    fresh = {name: world.connect(name, proved=False) for name in PEOPLE}
    expect("dismissing", together(proved["anna"], proved["bert"], "OP_DISMISS", ("F_NAME", b"gone")), "E_OK")
    with sqlite3.connect(ROOM + "/journal.db") as db:	# ten wrong passphrases
        db.execute("UPDATE person SET wrong = 10 WHERE name = 'kept'")
    db.close()
    expect("login of one who is kept out", fresh["kept"].login(), "E_DENIED")
    before = tables()
    for op, (asks, agrees) in acts.items():
        fields = FIELDS.get(op, [])
        for name in PEOPLE:
            one = world.connect(name, proved=False)
            got = one.ask(op, *fields)
            if got == "E_ROOM_PURPOSE":
                refused[names[op]] += 1
                one.close()
                break
            tried += 1
            may_ask = may(name, asks) and name != "gone"
            expect(f"{op} by {name}, who has given no passphrase", got, "E_LOGIN" if may_ask else "E_DENIED")
            refused[names[op]] += not may_ask
            if may_ask and name != "kept":
                expect(f"login of {name}", one.login(), "E_OK")
                got, digest = one.wait(op, *fields)
                expect(f"{op} by {name} alone", got, "E_SECOND")
                if digest:
                    proved[name].until_pending(digest)
                for other in PEOPLE:
                    able = may(other, agrees) and other not in (name, "gone", "kept")
                    if not able and other != "kept":
                        tried += 1
                        expect(f"{op} by {name}, agreed to by {other}", proved[other].approve(digest), "E_DENIED")
                        refused["approve"] += 1
                    if other != "gone":
                        tried += 1
                        expect(f"{op} by {name}, agreed to by {other} without a passphrase", fresh[other].approve(digest), "E_LOGIN")
                refused[names[op]] += 1	# the connection ended before a second person agreed
            one.close()
    # until bdkd has seen the last one go
    while sum(n for what, n in collections.Counter(w for w, r in tables()[1][len(before[1]):] if r).items()
              if what in refused) < sum(refused.values()) and not failed:
        proved["alma"].ask("OP_INFO")
    after = tables()
    for table in before[0]:
        if after[0][table] != before[0][table]:
            complain(f"one person has changed something: {table}")
    seen = collections.Counter(what for what, reason in after[1][len(before[1]):] if reason)
    done = [what for what, reason in after[1][len(before[1]):] if not reason and what in {*names.values()} - {"login"}]
    if done:
        complain(f"the audit says that {done} was done")
    if {what: n for what, n in seen.items() if what in refused} != {what: n for what, n in refused.items() if n}:
        complain(f"the audit has {dict(seen)} refusals, it were {dict(refused)}")
    # The same person has no second name, and what one may not two can.
    expect("a second name", together(proved["anna"], proved["bert"], "OP_APPOINT", ("F_NAME", b"another"),
                                     ("F_UID", number(UID["anna"])), ("F_ROLE", b"custodian")), "E_EXISTS")
    expect("two people", together(proved["anna"], proved["bert"], "OP_APPOINT", ("F_NAME", b"another"), ("F_UID", number(60098)),
                                  ("F_ROLE", b"custodian")), "E_OK")
    for p in (*proved.values(), *fresh.values()):
        p.close()
    return tried


def main():
    appoint(ROOM, {name: (UID[name], PEOPLE[name]) for name in PEOPLE}, PHRASE)
    acts, names = acts_of_two(), audit_names()
    bdkd = subprocess.Popen([BDKD, "--room", ROOM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        if not bdkd.stdout.readline().startswith(b"bdkd: serving"):
            sys.exit("bdkd does not start")
        world = Everybody()
        tried = attempts(world, acts, names)
        print(f"{os.path.basename(ROOM)}: {tried} attempts at {len(acts)} acts")
        if tried < 50:
            complain("which are too few")
    finally:
        bdkd.terminate()
        bdkd.wait()
    for login in reversed(world.logins.values()):
        login.close()
    sys.exit(failed)


main()
