"""The board from outside: its memory in a file, its probe (tests/board/probe.c has the same shape), and QEMU's monitor."""
import itertools
import json
import mmap
import os
import socket
import struct
import subprocess
import time
import zlib

NV, PROBE, SIZE = 0x10000, 0x20000, 16 << 20
RAM, RAM_SIZE = 0x20000000, 24 << 10
LOG, MARKS, SECRETS = 65536, 4096, 4096
LAYOUT, MARK = 40, 80
LOG_AT = MARK + 12 * MARKS
SECRET_AT = LOG_AT + 8 * LOG
POWER_ON = 512
BORN = 0x4b524d31
KINDS = {1: "HELLO", 3: "KEY", 4: "ZEROIZE", 16: "IDENTIFY", 18: "CERT", 257: "STATUS", 259: "BEGIN", 261: "KEYPAD",
         POWER_ON: "power-on"}
STATUS, STATE, BEGIN, PROMPT, KEYPAD, RESULT = range(1, 7)  # enum till_type of terminal/till.h
PATIENCE = 60


class Wrong(Exception):
    """A property that does not hold."""


def need(holds, what):
    if not holds:
        raise Wrong(what)


class Memory:
    """The file that stands behind a board's memory."""

    def __init__(self, path):
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), SIZE)

    def word(self, i):
        return struct.unpack_from("<I", self.map, PROBE + 4 * i)[0]

    def set(self, i, value):
        struct.pack_into("<I", self.map, PROBE + 4 * i, value)

    boots = property(lambda m: m.word(0))
    stores = property(lambda m: m.word(1))
    stack = property(lambda m: m.word(3))
    layout = property(lambda m: struct.unpack_from("<10I", m.map, PROBE + LAYOUT))

    def nv(self):
        return self.map[:NV]

    def put_nv(self, image):
        self.map[:NV] = image

    def marks(self):
        """(type, stores, ticks) of everything that was done."""
        return [struct.unpack_from("<3I", self.map, PROBE + MARK + 12 * i) for i in range(self.word(4))]

    def log(self):
        n = self.stores
        need(n <= LOG, "more stores than the log holds")
        return [struct.unpack_from("<2I", self.map, PROBE + LOG_AT + 8 * i) for i in range(n)]

    def secrets(self):
        n = self.word(5)
        need(n < SECRETS, "more secrets than there is room for")
        return {self.map[PROBE + SECRET_AT + 16 * i:PROBE + SECRET_AT + 16 * i + 16] for i in range(n)}


class Monitor:
    """QEMU's, on a socket."""

    def __init__(self, path):
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        self.path, self.line = path, s.makefile("rw")
        self.line.readline()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        self.line.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.line.flush()
        answer = {}
        while "return" not in answer:
            answer = json.loads(self.line.readline())
            need("error" not in answer, answer)

    def ram(self):
        path = self.path + ".ram"
        self.run("pmemsave", val=RAM, size=RAM_SIZE, filename=path)
        with open(path, "rb") as f:
            return f.read()


class Link:
    """The host's end of a link (protocol/link.h), without repeats, on one of a board's sockets."""

    channels = itertools.count(1)

    def __init__(self, path, patience=PATIENCE):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(patience)
        self.socket.connect(path)
        self.channel, self.sequence, self.frames, self.rest = next(Link.channels), 0, [], b""

    def send(self, wire):
        """False: the other end is gone."""
        try:
            self.socket.sendall(wire)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def receive(self):
        """Add the frames that have come. False: the other end is gone, or silent, and all that it sent is here."""
        try:
            got = self.socket.recv(65536)
        except (ConnectionResetError, TimeoutError):
            got = b""
        *whole, self.rest = (self.rest + got).split(b"\x7e")
        for frame in whole:
            frame = frame.replace(b"\x7d\x5e", b"\x7e").replace(b"\x7d\x5d", b"\x7d")
            if len(frame) >= 11 and zlib.crc32(frame[:-4]).to_bytes(4, "little") == frame[-4:]:
                self.frames.append(frame)
        return bool(got)

    def ask(self, payload):
        """The payload of the reply; None: the other end is gone, or silent, and sent none."""
        self.sequence += 1
        about = struct.pack(">IH", self.channel, self.sequence)
        body = b"\1" + about + payload
        body += zlib.crc32(body).to_bytes(4, "little")
        more = self.send(b"\x7e" + body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e")
        while True:
            for frame in self.frames:
                if frame[:7] == b"\2" + about:
                    self.frames.remove(frame)
                    return frame[7:-4]
            if not more:
                return None
            more = self.receive()

    def type(self, slot, pan, pin):
        """All of a sale but the key that makes its cryptograms. False: the other end is gone."""
        begin = bytes([BEGIN, slot, len(pan)]) + pan.encode() + b"\x011\0\1m\0\1d"
        for payload in [begin] + [bytes([KEYPAD, ord(digit)]) for digit in pin]:
            reply = self.ask(payload)
            need(reply is None or reply[0] == PROMPT, "refused")
        return reply is not None

    def enter(self):
        """That key: the KSN of the cryptograms, as a number; None: the other end is gone before it released them."""
        reply = self.ask(bytes([KEYPAD, ord("E")]))
        need(reply is None or reply[0] == RESULT, "no cryptograms")
        if reply is None:
            return None
        ksn = reply[3 + reply[1]:]
        return int.from_bytes(ksn[:reply[2 + reply[1]]], "big")

    def sell(self, slot, pan, pin):
        return self.enter() if self.type(slot, pan, pin) else None

    def close(self):
        self.socket.close()


class Board:
    """A QEMU of our own that runs an image on a memory. It ends with the block that it is used in."""

    def __init__(self, folder, name, elf, serial, root, more=""):
        self.nv, self.till, self.qmp = (os.path.join(folder, name + end) for end in (".nv", ".till", ".qmp"))
        if os.path.exists(self.qmp):
            os.unlink(self.qmp)
        had = Memory(self.nv).boots if os.path.exists(self.nv) else 0
        self.shown = self.nv + ".shown"  # a pipe that nobody empties would stop the display
        with open(self.shown, "w") as out:
            self.process = subprocess.Popen(
                ["tools/board", "--nv", self.nv, "--link", f"unix:{self.nv}.link", "--till", "unix:" + self.till,
                 "--serial", serial, "--root", root],
                env=os.environ | {"ELF": elf, "QEMU_MORE": f"-qmp unix:{self.qmp},server=on,wait=off {more}"},
                stdin=subprocess.DEVNULL, stdout=out)
        try:
            self.wait(lambda: "READY\n" in open(self.shown).read())
            need("TAMPERED" not in open(self.shown).read(), f"{name} is tampered")
            self.memory, self.monitor = Memory(self.nv), Monitor(self.qmp)
            # A probe counts its boots after the display has said READY.
            if "probe" in elf:
                self.wait(lambda: self.memory.boots > had)
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def wait(self, until):
        end = time.monotonic() + PATIENCE
        while not until():
            need(self.process.poll() is None, "QEMU has ended")
            need(time.monotonic() < end, "the board does not answer")
            time.sleep(0.0002)

    def reset(self):
        """Power off and on, as far as the memory can tell; returns when the firmware has started."""
        n = self.memory.boots
        self.monitor.run("system_reset")
        self.wait(lambda: self.memory.boots != n)

    def kill(self):
        self.process.kill()
        self.process.wait()


class State:
    """What a memory says, read as terminal/store.h has it: contents, and whether anything else is left in it."""

    def __init__(self, image, layout):
        size, papers, records, state, slots, slot, _, boots, life, _ = layout
        self.key, birth = image[:32], struct.unpack_from("<I", image, 32)[0]
        self.born = birth == BORN
        self.contents, self.seq, self.whole, at = [], [], birth in (0, BORN), records
        self.tidy = not any(image[36:papers]) and not any(image[size:])
        for length in [state] + [slot] * slots:
            copies, seqs = [], []
            for _ in range(2):
                copies.append(image[at:at + length])
                a, b = struct.unpack_from("<2I", image, at + length + 32)
                seqs.append(b if a ^ b == 0xffffffff else 0)
                at += length + 40
            live = int(seqs[1] > seqs[0])
            self.whole &= seqs[live] > 0
            other = at - 2 * (length + 40) + (1 - live) * (length + 40)
            self.tidy &= not any(image[other:other + length + 40])
            self.contents.append(copies[live])
            self.seq.append(seqs[live])
        own = bytearray(self.contents[0])
        self.boots = struct.unpack_from("<I", own, boots)[0]
        struct.pack_into("<I", own, boots, 0)
        self.contents[0] = bytes(own)
        self.life = own[life]
        self.papers = image[papers:records] if self.life else b""

    def same(self, other):
        return (self.contents, self.papers, self.born) == (other.contents, other.papers, other.born)


def replay(image, log):
    out = bytearray(image)
    for at, word in log:
        struct.pack_into("<I", out, at, word)
    return bytes(out)
