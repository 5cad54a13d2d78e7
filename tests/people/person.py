# A person at people.sock itself: a connection of that person's uid, records as bdk/record.h has them, numbers as
# bdk/request.h, base/err.h and bdk/rule.c name them. Started as root, from the sources' folder.
import glob
import hashlib
import os
import re
import socket
import sqlite3
import struct

WORDS = {"CUS": "custodian", "SUP": "supervisor", "OPR": "operator", "AUD": "auditor"}


def numbers(file, prefix):
    return {n: int(v) for n, v in re.findall(rf"\b({prefix}_\w+) = (\d+)", open(file).read())}


OP, F, E = numbers("bdk/request.h", "OP"), numbers("bdk/request.h", "F"), numbers("base/err.h", "E")
ERR = {v: n for n, v in E.items()}


def roles(column):
    return {WORDS[w] for w in re.findall(r"CUS|SUP|OPR|AUD", column)}


def acts_of_two():
    """op: (roles that ask, roles that agree), of each row of bdk/rule.c that takes two"""
    rows = re.findall(r"\{ (OP_\w+),\s+RULE_PASSPHRASE,\s+([A-Z |]+),\s+([A-Z |]+) \}", open("bdk/rule.c").read())
    return {op: (roles(asks), roles(agrees)) for op, asks, agrees in rows}


def audit_names():
    """op: what the audit calls it, of each row of bdk/server.c on people.sock"""
    rows = re.findall(r"\{ (OP_\w+),\s+ROLE_PEOPLE,[^}]*,\s*(\"?\w[\w-]*\"?)\s*\}", open("bdk/server.c").read())
    headers = "".join(open(f).read() for f in glob.glob("bdk/*.h"))
    named = dict(re.findall(r'#define (\w+)\s+"([a-z -]+)"', headers))
    return {op: name.strip('"') if '"' in name else named[name] for op, name in rows}


BITS = {"custodian": 1, "supervisor": 2, "operator": 4, "auditor": 8}


def appoint(room, people, phrase):
    """{name: (uid, roles)} into a room that nobody serves; their passphrase costs less to try than one that is chosen by bdk."""
    salt = bytes(16)
    check = hashlib.scrypt(phrase.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32, maxmem=1 << 26)
    with sqlite3.connect(room + "/journal.db") as db:
        for name, (uid, role) in people.items():
            db.execute("INSERT INTO person(name, uid, roles, verifier, card, wrong, utc) VALUES(?, ?, ?, ?, x'', 0, 1)"
                       " ON CONFLICT DO NOTHING", (name, uid, sum(BITS[r] for r in role.split(",")),
                                                   bytes([14, 8, 1]) + salt + check))
    db.close()


class Gone(Exception):
    """bdkd is not there, or not any more."""


class Login:
    """A process of that uid, which connects and hands its end over: the kernel tells bdkd whose it is."""

    def __init__(self, name, uid, role, passphrase):
        self.name, self.uid, self.role, self.passphrase = name, uid, role, passphrase
        self.pipe, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self.pipe.close()
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            while path := theirs.recv(4096):
                s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                try:
                    s.connect(path)
                    socket.send_fds(theirs, [b"+"], [s.fileno()])
                except OSError:
                    theirs.send(b"-")
                s.close()
            os._exit(0)
        theirs.close()

    def connect(self, path):
        self.pipe.send(path.encode())
        fds = socket.recv_fds(self.pipe, 1, 1)[1]
        if not fds:
            raise Gone(f"{self.name}: nobody answers at {path}")
        return Person(self, socket.socket(fileno=fds[0]))

    def close(self):
        self.pipe.close()
        os.waitpid(self.pid, 0)


class Person:
    """A connection of that person's, who has not logged in yet."""

    def __init__(self, who, s):
        self.login_of, self.name, self.uid, self.role, self.s = who, who.name, who.uid, who.role, s
        self.s.settimeout(120)
        self.fields = []

    def send(self, op, *fields):
        try:
            self.s.send(struct.pack(">H", OP[op]) + b"".join(struct.pack(">HH", F[t], len(v)) + v for t, v in fields))
        except OSError as e:
            raise Gone(f"{self.name}: {e}") from e

    def receive(self):
        try:
            answer, at, self.fields = self.s.recv(65536), 2, []
        except ConnectionError as e:
            raise Gone(f"{self.name}: {e}") from e
        if not answer:
            raise Gone(f"{self.name}: the connection has ended")
        while at < len(answer):
            tag, size = struct.unpack(">HH", answer[at:at + 4])
            self.fields.append((tag, answer[at + 4:at + 4 + size]))
            at += 4 + size
        return ERR[int.from_bytes(self.get("F_RESULT"), "big")]

    def get(self, tag):
        return next((v for t, v in self.fields if t == F[tag]), b"")

    def ask(self, op, *fields):
        self.send(op, *fields)
        return self.receive()

    def login(self, passphrase=None):
        return self.ask("OP_LOGIN", ("F_PASSPHRASE", (passphrase or self.login_of.passphrase).encode()))

    def wait(self, op, *fields):
        """What waits for a second person from now on: its digest, or why it does not wait."""
        result = self.ask(op, *fields)
        digest = self.get("F_HASH")
        if result != "E_SECOND":
            return result, b""
        self.send("OP_AWAIT")
        return result, digest

    def approve(self, digest, state=b"agreed"):
        return self.ask("OP_APPROVE", ("F_HASH", digest), ("F_STATE", state))

    def until_pending(self, digest):
        """The first has not told bdkd yet that he waits: which does not take long."""
        while self.ask("OP_PENDING") == "E_OK" and not any(digest in v for _, v in self.fields):
            pass

    def outcome(self):
        return ERR[int.from_bytes(self.get("F_OUTCOME"), "big")]

    def close(self):
        self.s.close()


def number(value):
    return value.to_bytes(8, "big")


def text(value):
    return value.encode()
