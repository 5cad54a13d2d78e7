"""
Power cuts on the board. A terminal with the probe has lived through everything that writes; the probe kept every store of
that life in order. So the memory after any number of stores is known exactly, and the firmware, on the board, is booted
from it.

    cuts.py stores FOLDER NAME         every store of every operation; FOLDER/NAME.nv is the memory of that life
    cuts.py switch FOLDER NAME         every store of the wipe when the tamper switch opens
    cuts.py forgets FOLDER NAME        the terminal runs still, with a monitor at FOLDER/NAME.qmp: what is spent is nowhere
    cuts.py exits FOLDER NAME EVERY    QEMU ends at a store while the terminal sells: every EVERY-th
    cuts.py kills FOLDER NAME COUNT    QEMU is killed anywhere, so often, while the terminal sells
"""
import os
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from board import KINDS, NV, PATIENCE, SIZE, Board, Link, Memory, Monitor, State, Wrong, need, replay  # noqa: E402

PROBE, PLAIN = "build/arm/bin/keyroom-probe.elf", "build/arm/bin/keyroom.elf"
PAN, PIN = "4111111111111111", "907856"
CUT, LATE = 2, 6  # words of struct probe
SWITCH, MARK = 0x11000, struct.pack("<I", 0xb4adb2ce)  # terminal/port/mps2-an386/board.h, terminal/store.c


def operations(memory):
    """(name, first store, end) of each request and power-on that stored something."""
    begin, out = 0, []
    for kind, end, _ in memory.marks():
        if end > begin:
            out.append((KINDS.get(kind, str(kind)), begin, end))
        begin = end
    need(begin == memory.stores, "stores that belong to nothing")
    return out


def verdict(after, before, done, found):
    """0: as before, 1: as after; or Wrong."""
    need(found.whole, "it is tampered")
    need(found.tidy, "pieces are left")
    need(all(a >= b for a, b in zip(found.seq, before.seq)), "a counter went back")
    need(found.boots >= before.boots, "the boot counter went back")
    if found.same(done):
        return 1
    need(found.same(before), f"{after} stores: neither the state before nor the one after")
    return 0


class Cutter:
    def __init__(self, board, layout):
        self.board, self.layout = board, layout

    def state(self, image):
        """What the firmware makes of a memory at power-on."""
        self.board.memory.set(1, 0)
        self.board.memory.put_nv(image)
        self.board.reset()
        return State(self.board.memory.nv(), self.layout)

    def run(self, name, image, log):
        """The number of the store from which on the operation counts as done; every one before leaves it undone."""
        before, done = self.state(image), self.state(replay(image, log))
        if name == "power-on" and not before.born or not any(image):
            # What is born at first boot is random; all that counts is that nothing was there before.
            for n in range(len(log)):
                found = self.state(replay(image, log[:n]))
                need(found.whole and found.tidy and found.life == 0 and found.born, f"first boot cut at {n}")
            return len(log)
        flip = None
        need(not before.same(done) or name == "power-on", "it changes nothing")
        for n in range(len(log) + 1):
            try:
                is_done = verdict(n, before, done, self.state(replay(image, log[:n])))
            except Wrong as why:
                raise Wrong(f"{name}, power cut before store {n + 1} of {len(log)}: {why}") from why
            if is_done and flip is None:
                flip = n
            need(name == "power-on" or (flip is None) == (not is_done), f"{name}: done, and then undone at {n}")
        need(flip is not None, f"{name} is never done")
        return flip

    def mutant(self, name, image, log, flip):
        """The head, ~seq and seq, goes first instead of last: most cuts must show that."""
        bad = log[flip - 2:flip] + log[:flip - 2] + log[flip:]
        before, done = self.state(image), self.state(replay(image, log))
        caught, tried = 0, range(2, flip, max(1, flip // 20))
        for n in tried:
            try:
                verdict(n, before, done, self.state(replay(image, bad[:n])))
            except Wrong:
                caught += 1
        need(caught > len(tried) * 3 // 4, f"{name}, head first: only {caught} of {len(tried)} cuts were caught")
        return caught, len(tried)


def counted(seen):
    """The stores of each operation against tests/board/stores.txt: fewer would be tested less, and nobody would know."""
    least = {}
    with open(os.path.join(os.path.dirname(__file__), "stores.txt")) as f:
        for line in f:
            w = line.split("#")[0].split()
            if w:
                least[w[0]] = int(w[1])
    for name, n in least.items():
        need(seen.get(name, 0) >= n, f"{name} stored {seen.get(name, 0)} words, not {n} as tests/board/stores.txt knows")
    need(set(seen) <= set(least), f"not in tests/board/stores.txt: {set(seen) - set(least)}")


def stores(folder, name):
    life = Memory(os.path.join(folder, name + ".nv"))
    log, layout, ops = life.log(), life.layout, operations(life)
    need(replay(bytes(NV), log) == life.nv(), "the log is not the memory")
    seen = {}
    for op, begin, end in ops:
        seen[op] = max(seen.get(op, 0), end - begin)
    counted(seen)
    with Board(folder, "cut", PROBE, "CUT-1", "00" * 32) as board:
        cutter, tried = Cutter(board, layout), set()
        for op, begin, end in ops:
            # One of a kind and length; registers fill more or fewer, and slots of both schemes are written.
            if (op, end - begin, begin == 0) in tried:
                continue
            tried.add((op, end - begin, begin == 0))
            image, own, since = replay(bytes(NV), log[:begin]), log[begin:end], time.monotonic()
            flip = cutter.run(op, image, own)
            line = f"{op}: {len(own)} stores, done from {flip} on"
            if op in ("KEY", "KEYPAD"):
                line += ", head first: %d of %d caught" % cutter.mutant(op, image, own, flip)
            print(f"{line}, {time.monotonic() - since:.1f} s", flush=True)


def switch(folder, name):
    """The tamper switch opens, and the power goes at each store of the wipe: from the first on it is tampered, and empty."""
    life = Memory(os.path.join(folder, name + ".nv"))
    keys = register_keys(life.nv(), life.layout)
    need(keys, "the registers hold nothing that could be wiped")
    with Board(folder, "switch", PROBE, "CUT-1", "00" * 32) as board:
        memory = board.memory
        memory.put_nv(life.nv())
        board.reset()
        image = memory.nv()
        memory.set(1, 0)
        struct.pack_into("<I", memory.map, SWITCH, 1)
        board.wait(lambda: "TAMPERED" in open(board.shown).read())
        struct.pack_into("<I", memory.map, SWITCH, 0)
        log, kept = memory.log(), 0
        for n in range(len(log) + 1):
            cut = replay(image, log[:n])
            kept += any(key in cut for key in keys)
            memory.set(1, 0)
            memory.put_nv(cut)
            board.reset()
            after = memory.nv()
            if n == 0:
                need(State(after, life.layout).whole, "it is tampered before the switch opened")
                continue
            need(after[32:36] == MARK, f"cut before store {n + 1} of {len(log)}: it is not tampered")
            need(not any(after[:32]) and not any(after[36:]), f"cut before store {n + 1} of {len(log)}: something is left")
    # The twin is a power-on that wipes nothing more.
    need(kept > 100, f"only {kept} cuts leave a key to wipe")
    print(f"tamper switch: {len(log)} stores; after {kept} of them a key was left, and is wiped at power-on")


def register_keys(image, layout):
    """The halves of every key in the registers of a memory, as 8 bytes each."""
    size, papers, records, state, slots, slot, own = layout[:7]
    out, at = set(), records + 2 * (state + 40)
    for copy_at in range(at, at + 2 * slots * (slot + 40), slot + 40):
        for i in range(copy_at + own + 20, copy_at + slot, 8):
            out.add(image[i:i + 8])
    return out - {bytes(8)}


def forgets(folder, name):
    life = Memory(os.path.join(folder, name + ".nv"))
    log, layout = life.log(), life.layout
    held, image, spent = register_keys(life.nv(), layout), bytes(NV), {}
    for op, begin, end in operations(life):
        image = replay(image, log[begin:end])
        for key in register_keys(image, layout) - held:
            spent[key] = "a key that a register held after " + op
    for key in life.secrets():
        spent[key[:8]] = spent[key[8:]] = "half of a key that was taken, or of an initial key"
    need(len(spent) > 60, f"only {len(spent)} spent keys")
    spent[PIN.encode()] = spent[bytes(int(d) for d in PIN)] = "the PIN"
    places = {"the non-volatile memory": life.nv(), "RAM": Monitor(os.path.join(folder, name + ".qmp")).ram()}
    need(any(k in places["the non-volatile memory"] for k in held), "the broken twin, a key that is held, is not found")
    need(life.map[NV + 40:NV + 72] in places["RAM"], "the broken twin, the root that stands in RAM, is not found")
    for where, image in places.items():
        for what in sorted({spent[k] for k in spent if k in image}):
            raise Wrong(f"{what}, is in {where}")
    size = subprocess.run(["tools/size"], stdout=subprocess.PIPE, text=True, check=False).stdout
    bound = int(re.search(r"^total.* (\d+)/\d+ *$", size, re.M)[1])
    need(life.stack <= bound, f"the stack was {life.stack} bytes deep, and tools/size says {bound} at most")
    print(f"the stack was {life.stack} bytes deep, of {bound} that tools/size calculates")
    print(f"{len(spent)} spent halves of keys and the PIN are nowhere in {' or '.join(places)}")


def copy(folder, name, to):
    path = os.path.join(folder, to + ".nv")
    with open(os.path.join(folder, name + ".nv"), "rb") as f, open(path, "wb") as g:
        g.write(f.read(NV))
        g.truncate(SIZE)


def one_exit(folder, name, n, count, late=0):
    """QEMU ends before store n + 1 of a sale. (the state before it, what is found at the next power-on)"""
    copy(folder, name, "exit")
    with Board(folder, "exit", PROBE, "CUT-1", "00" * 32) as board:
        memory, before = board.memory, State(board.memory.nv(), board.memory.layout)
        memory.set(CUT, memory.stores + n + 1)
        memory.set(LATE, late)
        image, begin = memory.nv(), memory.stores
        till = Link(board.till)
        need(till.sell(0, PAN, PIN) is None, f"a cryptogram left before store {n + 1} of {count}")
        board.process.wait(PATIENCE)
        need(memory.stores == begin + n, f"QEMU ended at store {memory.stores - begin}, not {n}")
        need(memory.nv() == replay(image, memory.log()[begin:]), "the memory is not what was stored")
        memory.set(CUT, 0)
    with Board(folder, "exit", PROBE, "CUT-1", "00" * 32):
        return before, State(memory.nv(), memory.layout)


def exits(folder, name, every):
    copy(folder, name, "exit")
    with Board(folder, "exit", PROBE, "CUT-1", "00" * 32) as board:
        first = board.memory.stores
        need(Link(board.till).sell(0, PAN, PIN), "it does not sell")
        count, done = board.memory.stores - first, State(board.memory.nv(), board.memory.layout)
    try:
        one_exit(folder, name, count // 2, count, late=1)
        caught = ""
    except Wrong as why:
        caught = str(why)
    need("a cryptogram left" in caught, "the broken twin, which releases before it stores, was not caught")
    sold, tried = 0, range(0, count, every)
    for n in tried:
        before, found = one_exit(folder, name, n, count)
        sold += verdict(n, before, done, found)
    need(0 < sold < len(tried), "it is always the state before, or always the one after")
    print(f"{len(tried)} exits at stores 0 to {count - 1} of a sale, {sold} of them after it was done")


def kill_at_a_store(board):
    before = board.memory.nv()
    while board.memory.nv() == before and board.process.poll() is None:
        pass
    board.process.kill()


def kills(folder, name, count):
    """Every other one strikes anywhere in a sale, the rest at the sight of a store. Up to two sales are made before, so that
    there are some."""
    layout, seed = Memory(os.path.join(folder, name + ".nv")).layout, int(os.environ.get("SEED", time.time_ns()))
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    copy(folder, name, "kill")
    last, sold, torn, takes = 0, 0, 0, 0.1
    for i in range(count):
        with Board(folder, "kill", PLAIN, "CUT-1", "00" * 32) as board:
            till, ksn = Link(board.till), 0
            for _ in range(chance.randrange(3)):
                since, ksn = time.monotonic(), till.sell(0, PAN, PIN)
                takes = time.monotonic() - since
                need(ksn and ksn > last, f"kill {i}: KSN {ksn} after {last}: a counter went back or stood")
                last, sold = ksn, sold + 1
            if i % 2:
                killer = threading.Timer(chance.random() * takes, board.process.kill)
            else:
                killer = threading.Thread(target=kill_at_a_store, args=[board])
            killer.start()
            while ksn := till.sell(0, PAN, PIN):
                need(ksn > last, f"kill {i}: KSN {ksn} after {last}: a counter went back or stood")
                last, sold = ksn, sold + 1
            killer.join()
            torn += not State(board.memory.nv(), layout).tidy
    with Board(folder, "kill", PLAIN, "CUT-1", "00" * 32) as board:
        ksn = Link(board.till).sell(0, PAN, PIN)
    need(ksn and ksn > last, "it does not sell any more")
    need(sold > 0, "nothing was sold, so nothing could come twice")
    print(f"{count} kills, {torn} of them while it stored, {sold} sales; the last KSN {ksn:X}")


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends with us
try:
    if sys.argv[1] == "stores":
        stores(*sys.argv[2:4])
    elif sys.argv[1] == "switch":
        switch(*sys.argv[2:4])
    elif sys.argv[1] == "forgets":
        forgets(*sys.argv[2:4])
    elif sys.argv[1] == "exits":
        exits(*sys.argv[2:4], int(sys.argv[4]))
    else:
        kills(*sys.argv[2:4], int(sys.argv[4]))
except Wrong as why:
    sys.exit(f"cuts: {why}")
