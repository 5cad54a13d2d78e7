"""QEMU's gdb stub, as much of it as tests need: registers, memory, break points, step, continue."""
import select
import socket

TRAP, INTERRUPT = b"T05", b"T02"


class Registers:
    """r0..r15 and xPSR of a Cortex-M; the stub's own layout keeps room for an old coprocessor in between."""

    PC, LR, SP, XPSR = 15, 14, 13, 41

    def __init__(self, raw):
        self.raw = bytearray(raw)

    def __getitem__(self, i):
        return int.from_bytes(self.raw[4 * i:4 * i + 4], "little")

    def __setitem__(self, i, value):
        self.raw[4 * i:4 * i + 4] = (value & 0xffffffff).to_bytes(4, "little")

    def copy(self):
        return Registers(self.raw)

    pc = property(lambda r: r[r.PC], lambda r, v: r.__setitem__(r.PC, v))
    lr = property(lambda r: r[r.LR])
    sp = property(lambda r: r[r.SP])

    def skip(self, length):
        """Past an instruction as if it had been none: within an IT block its condition is used up."""
        self.pc += length
        x = self[self.XPSR]
        it = x >> 25 & 3 | x >> 8 & 0xfc
        it = it & 0xe0 | it << 1 & 0x1f if it & 7 else 0
        self[self.XPSR] = x & ~0x0600fc00 | (it & 3) << 25 | (it & 0xfc) << 8


class Gdb:
    def __init__(self, path):
        self.socket, self.buffer, self.due = socket.socket(socket.AF_UNIX), b"", 0
        self.socket.connect(path)
        # To connect stops the machine, and it may say so unasked; after this it only answers.
        self.send(b"?", b"qAttached")
        while self.reply() != b"1":
            pass

    def send(self, *commands):
        """All in one piece. A `$` stands for the acknowledgement of what came before it."""
        self.socket.sendall(b"".join(b"$%s#%02x" % (c, sum(c) & 255) for c in commands))

    def reply(self, seconds=None):
        """The next packet, None if none comes in time."""
        while True:
            begin = self.buffer.find(b"$")
            end = self.buffer.find(b"#", begin)
            if 0 <= begin < end <= len(self.buffer) - 3:
                packet, self.buffer = self.buffer[begin + 1:end], self.buffer[end + 3:]
                if not self.due:
                    return packet
                if packet != b"OK":
                    raise ValueError(f"the registers were refused: {packet!r}")
                self.due -= 1
                continue
            if not select.select([self.socket], [], [], seconds)[0]:
                return None
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError("QEMU has ended")
            self.buffer += piece

    def ask(self, command):
        self.send(command)
        return self.reply()

    def must(self, command):
        answer = self.ask(command)
        if answer != b"OK":
            raise ValueError(f"{command!r}: {answer!r}")

    def registers(self):
        return Registers(bytes.fromhex(self.ask(b"g").decode()))

    def load(self, registers):
        """Nobody waits for its OK, which comes before the reply to what is sent next."""
        self.send(b"G" + registers.raw.hex().encode())
        self.due += 1

    def read(self, at, n):
        """n bytes; None where there is no memory."""
        answer = self.ask(b"m%x,%x" % (at, n))
        return None if answer.startswith(b"E") else bytes.fromhex(answer.decode())

    def read_all(self, at, n):
        """The same for much, which has to be there."""
        pieces = [(i, min(1024, at + n - i)) for i in range(at, at + n, 1024)]
        self.send(*[b"m%x,%x" % piece for piece in pieces])
        return b"".join(bytes.fromhex(self.reply().decode()) for _ in pieces)

    def stop_at(self, at):
        self.must(b"Z0,%x,2" % at)

    def go_past(self, at):
        self.must(b"z0,%x,2" % at)

    def step(self):
        self.send(b"s")
        self.reply()

    def interrupt(self):
        self.socket.sendall(b"\x03")
        if self.reply(60) is None:
            raise EOFError("QEMU does not answer")
