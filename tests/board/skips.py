"""
Each single instruction skipped, where the terminal decides whom it obeys: a message that must be refused goes in, the
machine is noted before each instruction that this makes it execute, and is then put back to each in turn, to go on behind
that instruction. Nothing that is skipped may make it accept; and the twin that decides by one branch (SECURE_UNHARDENED)
has to accept each such message, by some skip.

    skips.py FOLDER               every instruction of the functions that decide
    skips.py FOLDER everything    and of what those call: the messages' and certificates' parsers, transcript, store
    skips.py FOLDER arithmetic    of the verification of a signature, with BearSSL's arithmetic run and not answered for
"""
import os
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from board import NV, Wrong, need  # noqa: E402
from machine import Machine  # noqa: E402
from room import DONE, KEY, OFFER, RECEIPT, CSR, Enrolment, LoadRoom, Session, new_key, spki_digest  # noqa: E402

HARDENED, TWIN = "build/arm/bin/keyroom-skips.elf", "build/arm/bin/keyroom-unhardened.elf"
DECIDE = ("terminal/krd.c", "terminal/secure.c")
TAMPERED = struct.pack("<I", 0xb4adb2ce)
RECORDS, STATE, RECORD, HEAD = 2368, 216, 1140, 40  # terminal/store.h
SLOT = 1
LEAST = 150  # skips of an attack; there are from 230 to 620


def everything(source, _):
    """But what is not the firmware's own, or decides nothing: that runs in one go, as BearSSL, memcpy and the display do."""
    return (source.startswith(("terminal/", "protocol/", "crypto/", "base/", "dukpt/")) and
            not source.startswith(("terminal/port/", "base/wipe.c")))


def deciding(source, name):
    return (source in ("terminal/krd.c", "terminal/secure.c", "terminal/store.c", "crypto/bearssl/p256.c") or
            name in ("cert_verify", "cert_signed_by", "verify"))


def arithmetic(source, name):
    return deciding(source, name) or name == "br_ecdsa_i31_vrfy_raw"


def verifying(_, name):
    return name in ("p256_verify", "br_ecdsa_i31_vrfy_raw")


class Terminal:
    """One that is blank at first, and the attacks on it."""

    def __init__(self, folder, elf, answering):
        self.ca = Enrolment()
        self.machine = Machine(folder, elf, spki_digest(self.ca.root), answering)
        self.say = self.machine.say

    def changed(self, before):
        """Is its memory another than before, and not because it took that for tampering?"""
        now = self.machine.map[:NV]
        return now != before.nv[:NV] and now[32:36] != TAMPERED

    def answered(self, end, kind):
        return end == "done" and self.machine.reply()[:1] == bytes([kind])

    def asked(self, ca):
        """A CERT of that ca room, for this terminal's CSR to the right one."""
        identify = self.ca.identify()
        csr = self.say(identify)
        need(csr[0] == CSR, "no CSR")
        return csr, Session(identify, csr)

    def offered(self, room):
        hello = room.hello()
        offer = self.say(hello)
        need(offer[0] == OFFER, f"no OFFER: {offer[:4].hex()}")
        return offer, Session(hello, offer)

    def keys(self, slot):
        """What its registers hold: 16 bytes of which each is looked for."""
        nv, at = self.machine.map[:NV], RECORDS + 2 * (STATE + HEAD) + 2 * slot * (RECORD + HEAD)
        copy = max(at, at + RECORD + HEAD, key=lambda i: struct.unpack_from("<I", nv, i + RECORD + 36)[0])
        record = nv[copy + RECORD - 32 * 32:copy + RECORD]
        keys = [record[i:i + 16] for i in range(0, 1024, 32) if any(record[i:i + 16])]
        need(keys, "no keys are seen")
        return keys

    def attack(self, message, accepted, good, taken=None):
        """A message that is refused here, while its good counterpart is taken: before any skip and after all of them."""
        machine, before = self.machine, self.machine.state()

        def played(what, judge):
            machine.restore(before)
            return judge(machine.run(machine.place(what)), before)

        def controlled():
            need(not played(message, accepted), "it is accepted without any skip")
            need(played(good, taken or accepted), f"what is good is not taken: {machine.reply()[:3].hex()}")
            machine.restore(before)
        controlled()
        return before, message, accepted, controlled

    def attacks(self):
        """(name, attack) one after another: each leaves the terminal ready for the next."""
        def enrolled(end, before):
            return self.changed(before) or self.answered(end, DONE)
        csr, session = self.asked(self.ca)
        good, other = self.ca.cert(session, csr), Enrolment()
        yield "enrolment, root", self.attack(other.cert(session, csr), enrolled, good)
        yield "enrolment, signature", self.attack(self.ca.cert(session, csr, signer=new_key()), enrolled, good)
        yield "enrolment, certificate", self.attack(self.ca.cert(session, csr, issuer=new_key()), enrolled, good)
        need(self.say(good)[0] == DONE, "not enrolled")

        def loaded(end, before):
            return self.changed(before) or self.answered(end, RECEIPT)
        room = LoadRoom(self.ca, 5)
        offer, session = self.offered(room)
        ksn = os.urandom(8) + bytes(4)
        need(self.say(room.keyed(session, offer, 0, ksn=ksn))[0] == RECEIPT, "not loaded")
        offer, session = self.offered(room)
        key, bad_key = (room.keyed(session, offer, SLOT, signer) for signer in (None, new_key()))
        zeroize, bad_zeroize = (room.zeroize(session, 0, signer) for signer in (None, new_key()))
        yield "KEY, signature", self.attack(bad_key, loaded, key)
        yield "KEY, KSN again", self.attack(room.keyed(session, offer, SLOT, ksn=ksn), loaded, key)
        yield "KEY, environment", self.attack(room.keyed(session, offer, SLOT, environment=bytes(32)), loaded, key)
        yield "ZEROIZE, signature", self.attack(bad_zeroize, loaded, zeroize)

        def untrue(end, before):
            """A RECEIPT of a key that is still there."""
            return (self.answered(end, RECEIPT) and self.machine.reply()[3:4] == b"\0" and
                    any(key in self.machine.map[:NV] for key in keys))
        keys = self.keys(0)
        yield "ZEROIZE, receipt", self.attack(zeroize, untrue, zeroize, lambda end, _: self.answered(end, RECEIPT))

        def obeyed_in(hello, room):
            """Is that room's KEY taken after its HELLO? That is what counts."""
            def obeyed(end, before):
                if self.changed(before) or not self.answered(end, OFFER):
                    return self.changed(before)
                offer = self.machine.reply()
                try:
                    key = room.keyed(Session(hello, offer), offer, SLOT)
                except (ValueError, IndexError):
                    return False  # nothing can be made of that OFFER
                return loaded(self.machine.run(self.machine.place(key)), before)
            return obeyed
        good = room.hello()
        for name, bad in (("certificate", LoadRoom(self.ca, 5, kif_ca=new_key())), ("epoch", LoadRoom(self.ca, 4)),
                          ("environment", LoadRoom(self.ca, 5, environment=spki_digest(new_key())))):
            hello = bad.hello()
            yield "HELLO, " + name, self.attack(hello, obeyed_in(hello, bad), good, obeyed_in(good, room))


def tried(terminal, attack, inside, enough):
    """How often it was accepted, `enough` at most, of how many skips; and what the others came to."""
    before, message, accepted, controlled = attack
    machine, ends, caught, n = terminal.machine, {}, [], 0
    for state in machine.walk(message, inside):
        if inside is arithmetic and not verifying(*machine.function(state.registers.pc)[1:]):
            continue
        end, n = machine.skip(state), n + 1
        ends[end] = ends.get(end, 0) + 1
        if accepted(end, before):
            caught.append(state.registers.pc)
            if len(caught) == enough:
                break
    controlled()
    return caught, n, ends


def play(folder, elf, inside, enough, only=""):
    """(name, skips, accepted) of each attack."""
    terminal, out = Terminal(folder, elf, inside is not arithmetic), []
    try:
        for name, attack in terminal.attacks():
            if only not in name:
                continue
            since = time.monotonic()
            caught, n, ends = tried(terminal, attack, inside, enough)
            ends = ", ".join(f"{k} {v}" for k, v in sorted(ends.items()))
            print(f"{name:22} {n:6} skips, {len(caught)} accepted ({ends}), {time.monotonic() - since:.1f} s", flush=True)
            for pc in caught[:10]:
                print(f"    at {pc:x} in {terminal.machine.function(pc)[2]}")
            out.append((name, n, len(caught)))
    finally:
        terminal.machine.power_off()
    return out


def main():
    folder, how = sys.argv[1], sys.argv[2] if sys.argv[2:] else "deciding"
    inside, only = {"deciding": (deciding, ""), "everything": (everything, ""), "arithmetic": (arithmetic, "KEY, signature")}[how]
    print("hardened")
    hardened = play(folder, HARDENED, inside, 1000, only)
    print("its twin, until it is caught")
    twin = play(folder, TWIN, arithmetic if only else deciding, 1, only)
    try:
        for name, n, caught in hardened:
            need(not caught, f"{name}: a skip has it accepted")
            need(n >= LEAST, f"{name}: {n} skips are too few to believe")
        for name, _, caught in twin:
            need(caught, f"{name}: the unhardened twin was not caught")
        need(hardened and len(hardened) == len(twin), "not every attack was tried")
    except Wrong as why:
        sys.exit(f"skips: {why}")


main()
