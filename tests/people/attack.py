# What one person tries at acts that take two, over people.sock itself, each person as a process of the own uid:
#   attack.py SOCKET KEY_SET NAME:UID:ROLE...   passphrases: a line of standard input for each NAME, in order
# The acts, who may ask and who may agree are read out of bdk/rule.c, numbers out of bdk/request.h and base/err.h.
import os
import re
import socket
import struct
import sys

path, key_set = sys.argv[1:3]
people = {}
for word in sys.argv[3:]:
    name, uid, role = word.split(":")
    people[name] = (int(uid), role, sys.stdin.readline().rstrip("\n"))
failed = 0


def numbers(file, prefix):
    return {n: int(v) for n, v in re.findall(rf"\b({prefix}_\w+) = (\d+)", open(file).read())}


OP, F, E = numbers("bdk/request.h", "OP"), numbers("bdk/request.h", "F"), numbers("base/err.h", "E")
names = {v: n for n, v in E.items()}
words = {"CUS": "custodian", "SUP": "supervisor", "OPR": "operator", "AUD": "auditor"}
acts = {}
for op, asks, agrees in re.findall(r"\{ (OP_\w+),\s+RULE_PASSPHRASE,\s+([A-Z |]+),\s+([A-Z |]+) \}", open("bdk/rule.c").read()):
    acts[op] = [{words[w] for w in re.findall(r"CUS|SUP|OPR|AUD", column)} for column in (asks, agrees)]


def expect(what, got, *wanted):
    global failed
    if names[got] not in wanted:
        print(f"{what}: {names[got]}, not {' or '.join(wanted)}")
        failed = 1


class Person:
    """A connection of that person's: a process of that uid connects, and hands over its end."""

    def __init__(self, name, login=True):
        self.uid, self.role, self.passphrase = people[name]
        mine, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.connect(path)
            socket.send_fds(theirs, [b"x"], [s.fileno()])
            os._exit(0)
        theirs.close()
        fd = socket.recv_fds(mine, 1, 1)[1][0]
        os.waitpid(child, 0)
        self.s = socket.socket(fileno=fd)
        self.s.settimeout(120)
        if login:
            expect(f"login of {name}", self.login(self.passphrase), "E_OK")

    def send(self, op, *fields):
        self.s.send(struct.pack(">H", OP[op]) + b"".join(struct.pack(">HH", F[t], len(v)) + v for t, v in fields))

    def receive(self):
        answer, at, self.fields = self.s.recv(65536), 2, []
        if not answer:
            return E["E_UNREACHABLE"]
        while at < len(answer):
            tag, size = struct.unpack(">HH", answer[at:at + 4])
            self.fields.append((tag, answer[at + 4:at + 4 + size]))
            at += 4 + size
        return int.from_bytes(self.get("F_RESULT"), "big")

    def get(self, tag):
        return next((v for t, v in self.fields if t == F[tag]), b"")

    def ask(self, op, *fields):
        self.send(op, *fields)
        return self.receive()

    def login(self, passphrase):
        return self.ask("OP_LOGIN", ("F_PASSPHRASE", passphrase.encode()))

    # what waits for a second person, and its digest
    def wait(self, op, *fields):
        expect(op, self.ask(op, *fields), "E_SECOND")
        digest = self.get("F_HASH")
        self.send("OP_AWAIT")
        return digest

    def approve(self, digest, state=b"agreed"):
        return self.ask("OP_APPROVE", ("F_HASH", digest), ("F_STATE", state))

    def until_pending(self, digest):
        while True:
            self.ask("OP_PENDING")
            if any(digest in v for _, v in self.fields):
                return

    def close(self):
        self.s.close()


def state(word):
    return ("F_KEY_SET", key_set.encode()), ("F_STATE", word)


def digest_of_room(person):
    person.ask("OP_DIGEST")
    return person.get("F_HASH")


helpers = {name: Person(name) for name in people}
anna, bert = [helpers[n] for n in people if people[n][1] == "custodian"][:2]
names_of = {id(p): n for n, p in helpers.items()}
first, second = names_of[id(anna)], names_of[id(bert)]
before = digest_of_room(anna)

# --- Every act that takes two, asked by every person, and every person who may not agree agrees ---------------------------
here = 0
for op, (asks, agrees) in acts.items():
    for name, (_, role, _) in people.items():
        one = Person(name, login=False)
        got = one.ask(op)
        if got == E["E_ROOM_PURPOSE"]:
            one.close()
            break
        here += 1
        expect(f"{op} by {name}", got, "E_LOGIN" if role in asks else "E_DENIED")
        if role in asks:
            expect(f"login of {name}", one.login(one.passphrase), "E_OK")
            digest = one.wait(op)
            helpers[name].until_pending(digest)
            for other, helper in helpers.items():
                if other == name or helper.role not in agrees:
                    expect(f"{op} by {name}, agreed to by {other}", helper.approve(digest), "E_DENIED")
        one.close()
if here < 30:
    print(f"only {here} attempts")
    failed = 1
if digest_of_room(anna) != before:
    print("one person has changed something")
    failed = 1

# --- Fields changed after they were shown -------------------------------------------------------------------------------
one = Person(first)
shown = one.wait("OP_STATE", *state(b"suspended"))
bert.until_pending(shown)
one.close()
one = Person(first)
other = one.wait("OP_STATE", *state(b"active"))
bert.until_pending(other)
expect("agreed to an act that was changed", bert.approve(shown), "E_LAPSED")

# --- Refused, and asked again ----------------------------------------------------------------------------------------------
expect("refusing", bert.approve(other, b"refused"), "E_OK")
expect("what the first is told", one.receive(), "E_LAPSED")
expect("agreed to what was refused", bert.approve(other), "E_LAPSED")
if digest_of_room(anna) != before:
    print("what nobody agreed to was done")
    failed = 1

# --- Once, and once only -----------------------------------------------------------------------------------------------------
digest = one.wait("OP_STATE", *state(b"suspended"))
bert.until_pending(digest)
expect("agreeing", bert.approve(digest), "E_OK")
expect("what became of it", int.from_bytes(bert.get("F_OUTCOME"), "big"), "E_OK")
expect("what the first is told", one.receive(), "E_OK")
after = digest_of_room(anna)
if after == before:
    print("what both wanted was not done")
    failed = 1
expect("agreed twice", bert.approve(digest), "E_LAPSED")
again = one.wait("OP_STATE", *state(b"suspended"))
bert.until_pending(again)
expect("an old yes for the same act", bert.approve(digest), "E_LAPSED")
one.close()

# --- Gone before the other agrees --------------------------------------------------------------------------------------------
one = Person(first)
digest = one.wait("OP_STATE", *state(b"active"))
bert.until_pending(digest)
one.close()
expect("agreed to what was withdrawn", bert.approve(digest), "E_LAPSED")

# --- A connection attends one session: whoever attended two would end one of them by leaving the other ---------------------------
otto, olga = [Person(n) for n in people if people[n][1] == "operator"][:2]


def opens(asks, agrees, serial):
    digest = asks.wait("OP_OPEN", ("F_SERIAL", serial))
    helpers[second].until_pending(digest)
    expect("agreeing to a session", agrees.approve(digest), "E_OK")
    asks.receive()
    return int.from_bytes(agrees.get("F_OUTCOME"), "big")


expect("a session", opens(otto, olga, b"TC-1"), "E_OK")
third, fourth = [Person(n) for n in people if people[n][1] == "operator"][:2]
expect("another by one who attends one", opens(otto, fourth, b"TC-2"), "E_EXISTS")
expect("another with one who attends one", opens(third, olga, b"TC-2"), "E_EXISTS")
expect("another by two others", opens(third, fourth, b"TC-2"), "E_OK")
for person in (third, otto):
    person.close()
for person in (fourth, olga):
    expect("a session that one has left", person.ask("OP_ATTEND"), "E_OK")
    person.close()

# --- Another's passphrase --------------------------------------------------------------------------------------------------------
one = Person(second, login=False)
expect("another's passphrase", one.login(people[first][2]), "E_PASSPHRASE")
expect("without a login", one.ask("OP_STATE", *state(b"active")), "E_LOGIN")
one.close()
if digest_of_room(anna) != after:
    print("something was done by one person")
    failed = 1
print(f"{here} attempts of {len(acts)} acts by {len(people)} people")
sys.exit(failed)
