"""
The board under QEMU's gdb stub, with its RAM in the file that stands behind its memory (see the Makefile), so that all of the machine
can be put back to where it was. A message goes straight to krd_answer(). Arithmetic on the curve would be 37 million
instructions a message, so the host answers for it, truly: about what the firmware asks, whatever a skip has made of that. Only with
answering=False does the board do it itself.
"""
import bisect
import os
import socket
import struct
import subprocess
import zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from board import NV, Board, need
from gdb import Gdb
from room import point_of, public_of, sha256, sign

SHARED, RAM, RAM_SIZE, REQUEST = 0x21000000, 0x800000, 24 << 10, 0x900000  # the latter two from SHARED on
UNUSED = 0x12000  # non-volatile memory, factory page and pins end here
FLASH, REPLY = 0x10000, 2560
CLOCK, TICK = 0x40001004, 40  # counts down; a tick is so many instructions
HANGS = 2_000_000             # a message that is taken takes 1,250,000, one that is refused 420,000 at most,
HANGS_REAL = 300_000_000      # and 80,000,000 with the arithmetic on the curve


class State:
    """All of the machine between two instructions; pieces of memory that are equal are kept once."""
    pieces = {}

    def __init__(self, registers, ram, nv, request):
        self.registers = registers
        self.ram = [self.pieces.setdefault(p, p) for p in (ram[i:i + 512] for i in range(0, len(ram), 512))]
        self.nv, self.request = (self.pieces.setdefault(p, p) for p in (nv, request))


def private(scalar):
    return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())


def verified(point, digest, sig):
    der = utils.encode_dss_signature(int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big"))
    public_of(point).verify(der, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    return True


def signed(scalar, digest):
    return sign(private(scalar), digest)


def multiplied(point, scalar):
    """Of the product only x is ever used."""
    public = public_of(point)
    return point if int.from_bytes(scalar, "big") == 1 else b"\4" + private(scalar).exchange(ec.ECDH(), public) + bytes(32)


def generated(scalar):
    return point_of(private(scalar))


class Machine:
    def __init__(self, folder, elf, root, answering=True):
        self.folder, self.elf, self.root = folder, elf, root
        self.read_symbols()
        self.answers, self.drawn, self.hangs = {}, 0, HANGS if answering else HANGS_REAL
        stubs = {"board_entropy": self.entropy}
        if answering:
            stubs |= {"br_ecdsa_i31_vrfy_raw": self.verify, "br_ecdsa_i31_sign_raw": self.sign,
                      "api_mul": self.multiply, "api_mulgen": self.generate}
        self.stubs = {self.address[name]: stub for name, stub in stubs.items()}
        self.ends = {self.address[name]: name for name in ("on_fault", "board_reset", "board_start", "main")}
        self.power_on()

    def power_off(self):
        self.board.kill()

    def power_on(self):
        self.dead = False
        name = os.path.splitext(os.path.basename(self.elf))[0]
        path = os.path.join(self.folder, name + ".gdb")
        self.board = Board(self.folder, name, self.elf, "SKIP-1", self.root.hex(),
                           f"-icount shift=0 -chardev socket,id=gdb,path={path},server=on,wait=off -gdb chardev:gdb")
        try:
            self.map, self.gdb = self.board.memory.map, Gdb(path)
            self.flash = self.gdb.read_all(0, FLASH)
            # Whoever runs or reads where no memory is, in this map, finds an undefined instruction.
            for begin, end in ((UNUSED, RAM), (RAM + RAM_SIZE, REQUEST), (REQUEST + REPLY, len(self.map))):
                self.map[begin:end] = b"\xde" * (end - begin)
            self.get_ready()
        except BaseException:
            self.board.kill()
            raise

    def read_symbols(self):
        self.address, places = {}, []
        names = subprocess.run(["arm-none-eabi-nm", "-l", self.elf], capture_output=True, text=True, check=True).stdout
        for line in names.splitlines():
            place, _, source = line.partition("\t")
            at, kind, name = place.split()
            if kind in "tTb":
                self.address[name.partition(".")[0]] = int(at, 16) & (~1 if kind != "b" else ~0)
            if kind in "tT":
                places.append((int(at, 16) & ~1, source.replace("./", "").partition(":")[0], name))
        self.places = sorted(places)
        self.begins = [p[0] for p in self.places]

    def function(self, pc):
        """(first address, source file, name) of the function that pc is in."""
        return self.places[bisect.bisect(self.begins, pc) - 1]

    def get_ready(self):
        """A frame comes in by the line; where it is answered, every later message is put in its place."""
        body = b"\1CHAN\0\1\6\0\0"
        body += zlib.crc32(body).to_bytes(4, "little")
        for special, escape in ((b"\x7d", b"\x7d\x5d"), (b"\x7e", b"\x7d\x5e")):
            body = body.replace(special, escape)
        at = self.address["krd_answer"]
        self.gdb.stop_at(at)
        self.gdb.send(b"c")
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(self.board.nv + ".link")
            link.sendall(b"\x7e" + body + b"\x7e")
            need(self.gdb.reply(60) is not None, "no frame reached krd_answer()")
        self.gdb.go_past(at)
        self.base = self.gdb.registers()
        need(self.base.pc == at, "it stopped elsewhere")
        self.ends[self.base.lr & ~1] = "done"
        # Semihosting could wait for the host for ever; a chip has none.
        self.ends |= {at: "calls the host" for at in range(0, self.begins[-1], 2)
                      if self.flash[at:at + 2] == b"\xab\xbe" and "/semihost.c" in self.function(at)[1]}
        for at in [*self.stubs, *self.ends]:
            self.gdb.stop_at(at)
        # To QEMU flash is RAM, and there is something everywhere. So the chip's own memory protection makes a fault of what is
        # one on a chip: (base, log2 of the size, access and attributes), a later region going before an earlier one.
        for i, (base, size, how) in enumerate(((0, 29, 1 << 28), (0, 16, 6 << 24 | 1 << 17),
                                               (0x20000000, 29, 1 << 28), (SHARED, 24, 3 << 24 | 1 << 17))):
            self.store(0xe000ed9c, base | 1 << 4 | i)
            self.store(0xe000eda0, how | (size - 1) << 1 | 1)
        self.store(0xe000ed94, 5)

    def store(self, at, value):
        """A word as the processor stores it, since the stub does not reach devices: by an `str r1, [r0]` of the firmware."""
        r = self.base.copy()
        r[0], r[1], r.pc = at, value, self.flash.index(b"\x01\x60")
        need(r.pc % 2 == 0, "half an instruction")
        self.gdb.load(r)
        self.gdb.step()

    # --- What the host answers for: a function's result from its arguments, or None if those are no good ---

    def at(self, at, n):
        if SHARED <= at and at + n <= SHARED + len(self.map):
            return self.map[at - SHARED:at - SHARED + n]
        return self.flash[at:at + n] if at + n <= FLASH else None

    def words(self, at, n):
        b = self.at(at, 4 * n)
        return struct.unpack(f"<{n}I", b) if b else (0,) * n

    def put(self, at, data):
        if SHARED <= at and at + len(data) <= SHARED + len(self.map):
            self.map[at - SHARED:at - SHARED + len(data)] = data

    def once(self, work, *args):
        if None in args:
            return None
        if (work, args) not in self.answers:
            try:
                self.answers[work, args] = work(*args)
            except (ValueError, InvalidSignature):
                self.answers[work, args] = None
        return self.answers[work, args]

    def verify(self, r):
        sig, length = self.words(r.sp, 2)
        _, point, size = self.words(r[3], 3)
        return (size, length, r[2]) == (65, 64, 32) and self.once(verified, self.at(point, 65), self.at(r[1], 32), self.at(sig, 64))

    def sign(self, r):
        _, scalar, size = self.words(r[3], 3)
        sig = size == 32 and self.once(signed, self.at(scalar, 32), self.at(r[2], 32))
        if sig:
            self.put(self.words(r.sp, 1)[0], sig)
        return 64 if sig else 0

    def multiply(self, r):
        point = r[1] == 65 and r[3] <= 32 and self.once(multiplied, self.at(r[0], 65), self.at(r[2], r[3]))
        if point:
            self.put(r[0], point)
        return 1 if point else 0

    def generate(self, r):
        point = r[2] <= 32 and self.once(generated, self.at(r[1], r[2]))
        if point:
            self.put(r[0], point)
        return 65 if point else 0

    def entropy(self, r):
        """The same noise again and again, so that a message is the same instructions again and again."""
        self.drawn += 1
        if r[2] <= 1024:
            self.put(r[1], b"".join(sha256(bytes([self.drawn % 256, i])) for i in range(r[2] // 32 + 1))[:r[2]])
        return 0

    def answer(self, r):
        """Back from a function that the host answers for; what a call may change is changed."""
        r[0], r.pc = int(self.stubs[r.pc](r) or 0), r.lr & ~1
        for i in (1, 2, 3, 12):
            r[i] = 0xa5a5a5a5
        self.gdb.load(r)

    # --- Running ---

    def state(self):
        return State(self.gdb.registers(), self.map[RAM:RAM + RAM_SIZE], self.map[:UNUSED],
                     self.map[REQUEST:REQUEST + REPLY])

    def restore(self, state):
        """To where it was."""
        if self.dead:
            self.power_off()
            self.map[:NV] = bytes(NV)
            self.power_on()
        self.map[RAM:RAM + RAM_SIZE] = b"".join(state.ram)
        self.map[:UNUSED] = state.nv
        self.map[REQUEST:REQUEST + REPLY] = state.request
        # What the firmware saw of the clock last is now, so that no time has passed, whatever became of the clock.
        struct.pack_into("<I", self.map, self.address["last"] - SHARED, 0xffffffff - self.clock())

    def leave_fault(self):
        """Back out of the exception, whose being active is no register's: by a `bx lr` over a frame made for it."""
        r, back, frame = self.gdb.registers(), self.flash.index(b"\x70\x47", self.address["krd_answer"]), SHARED + REQUEST - 64
        self.put(frame, struct.pack("<8I", 0, 0, 0, 0, 0, 0, back, 1 << 24))
        r[r.SP], r[r.LR], r.pc = frame, 0xfffffff9, back
        self.gdb.load(r)
        self.gdb.step()
    

    def clock(self):
        return int.from_bytes(self.gdb.read(CLOCK, 4), "little")

    def run(self, registers):
        """On from here until krd_answer() is done, or what else it comes to. No clock of the host's decides."""
        began, self.drawn, looks = None, 0, 0
        try:
            self.gdb.load(registers)
            while True:
                self.gdb.send(b"c")
                stopped = self.gdb.reply(0.02 * (1 + looks))
                if stopped is None:
                    self.gdb.interrupt()
                r = self.gdb.registers()
                if r.pc in self.ends:
                    end = self.ends[r.pc]
                    if end == "on_fault":
                        self.leave_fault()
                    self.dead |= end == "board_start"  # its timers stand still
                    return end
                if r.pc in self.stubs:
                    self.answer(r)
                elif stopped is None:
                    now, looks = self.clock(), looks + 1
                    began = now if began is None else began
                    if (began - now) % 2 ** 32 * TICK > self.hangs:
                        return "hangs"
                    if now == began and looks == 40:
                        raise EOFError("the clock stands still")
        except (EOFError, ConnectionError):
            self.dead = True
            return "locks up"

    def place(self, message):
        """Put a message, its type in front, where krd_answer() finds it; the registers with which that begins."""
        self.put(SHARED + REQUEST, message)
        r = self.base.copy()
        r[2], r[3] = SHARED + REQUEST, len(message)
        return r

    def say(self, message):
        """The reply to a message."""
        end = self.run(self.place(message))
        need(end == "done", f"a message that nothing is wrong with {end}")
        return self.reply()

    def reply(self):
        length, at = self.gdb.registers()[0], self.base[1] - SHARED
        return self.map[at:at + min(length, REPLY)]

    def length(self, pc):
        return 4 if self.flash[pc + 1] >> 3 in (0x1d, 0x1e, 0x1f) else 2

    def walk(self, message, inside):
        """The machine before each instruction of a message, in functions that `inside` likes: every one, and in
        a loop within one call the first and the last time."""
        self.gdb.load(self.place(message))
        calls, count, after, first, last = [(0, 0)], 0, None, {}, {}
        self.drawn = 0
        while True:
            state = self.state()
            r, pc = state.registers, state.registers.pc
            if pc in self.ends:
                need(self.ends[pc] == "done", f"a message that nothing is wrong with {self.ends[pc]}")
                break
            if pc in self.stubs:
                self.answer(r)
                continue
            while pc == calls[-1][0]:
                calls.pop()
            begin, source, name = self.function(pc)
            if not inside(source, name):
                self.run_to(r.lr & ~1)
                continue
            if pc == begin and r.lr & ~1 == after:
                count += 1
                calls.append((after, count))
            key = calls[-1][1], pc
            (last if key in first else first)[key] = state
            after = pc + self.length(pc)
            self.gdb.step()
        return [*first.values(), *last.values()]

    def run_to(self, at):
        """To where a function returns, answering for what it calls."""
        own = at not in self.ends
        if own:
            self.gdb.stop_at(at)
        while True:
            self.gdb.send(b"c")
            self.gdb.reply()
            r = self.gdb.registers()
            if r.pc not in self.stubs:
                break
            self.answer(r)
        need(r.pc == at, "a function does not return")
        if own:
            self.gdb.go_past(at)

    def skip(self, state):
        """Put the machine back, skip the instruction, go on; what it comes to."""
        self.restore(state)
        r = state.registers.copy()
        r.skip(self.length(r.pc))
        return self.run(r)
