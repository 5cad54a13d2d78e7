"""
A world to break: three rooms with their bdkd, terminals, and the people's programs, each under the shims of tests/shim
(kill.c, powercut.c), so that any of them can be killed at any of its acts, and its machine can lose its power there.

A Violation is a property that did not hold.
"""
import binascii
import collections
import ctypes
import json
import mmap
import os
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time

BUILD = os.path.abspath(os.environ.get("B", "build/gcc"))
BIN = BUILD + "/bin/"
TOOLS = os.environ["TOOLS"] + "/"		# made by tests/survive/tools.sh
TDES, AES = "FFFF111111", "22222222"
PAN, PIN = "4111111111111111", "907856"
SALE = ("pan = %s\npin = %s\namount = 1\ndata = x\n" % (PAN, PIN)).encode()
EMPTY, LOADED = 0, 1			# of a slot
STATES = {1: "sent", 2: "loaded", 3: "possibly-loaded", 4: "zeroized"}	# bdk/journal.h
# A load as the journal has it now. The only place that knows its tables.
LOADS = """SELECT l.serial, l.slot, l.key_set, l.id, e.state, e.kcv, e.load_count, e.sequence,
	(SELECT count(*) FROM sent WHERE load = l.row) FROM load l JOIN event e ON e.load = l.row
	WHERE e.sequence = (SELECT max(sequence) FROM event WHERE load = l.row) """
Load = collections.namedtuple("Load", "serial slot key_set ksn state kcv load_count sequence keys")
PATIENCE = 30


class Violation(Exception):
	pass


def need(holds, what):
	if not holds:
		raise Violation(what)


class Kill:
	"""The switch of tests/shim/kill.c. who: 0 the program, 1 the worker that it forked."""

	def __init__(self, path):
		self.path, self.log, self.hit = path, path + ".log", False
		with open(path, "wb") as f:
			f.write(bytes(16))
		with open(path, "r+b") as f:
			self.map = mmap.mmap(f.fileno(), 16)

	def arm(self, who=0, at=0):
		self.hit = False
		self.map[:] = struct.pack("4I", *(at if i == who else 0 for i in range(2)), 0, 0)

	def disarm(self):
		"""A kill is made once: whoever is started again lives."""
		hit = self.struck()
		self.arm()
		self.hit = hit

	def acts(self, who):
		"""So many since it was armed; the one that was not survived counts."""
		return struct.unpack("4I", self.map)[2 + who]

	def doomed(self, who):
		v = struct.unpack("4I", self.map)
		return 0 < v[who] <= v[2 + who]

	def struck(self):
		return self.hit or self.doomed(0) or self.doomed(1)


class Machine:
	"""A folder whose disk is tests/shim/powercut.c's: what was not synced is gone after cut()."""
	shim = None

	def __init__(self, world, name):
		self.root, self.disk = world.work + "/" + name, world.work + "/disk-" + name
		self.kill = Kill(world.work + "/kill-" + name)
		self.env = dict(os.environ, LD_PRELOAD=TOOLS + "kill.so:" + TOOLS + "powercut.so",
				KEYROOM_KILL=self.kill.path, KEYROOM_DISK=self.disk)

	def _sync(self, path):
		"""As a program under the shim would."""
		Machine.shim = Machine.shim or ctypes.CDLL(TOOLS + "powercut.so")
		os.environ["KEYROOM_DISK"] = self.disk
		fd = os.open(path, os.O_RDONLY)
		Machine.shim.fsync(fd)
		os.close(fd)
		del os.environ["KEYROOM_DISK"]

	def settle(self):
		"""Everything that is there now is on the disk."""
		shutil.rmtree(self.disk, ignore_errors=True)
		os.mkdir(self.disk)
		self._sync(self.root)
		self.top, = os.listdir(self.disk)
		for folder, folders, files in os.walk(self.root):
			for path in [folder + "/" + name for name in folders + files]:
				if os.path.isfile(path) or os.path.isdir(path):
					self._sync(path)

	def _bring_back(self, listing, to):
		os.mkdir(to, 0o700)
		with open(listing) as f:
			lines = f.read().splitlines()
		for line in lines:
			kind, ident, mode, name = line.split(" ", 3)
			kept = "%s/%s-%s" % (self.disk, kind, ident)
			if kind == "d":
				if os.path.exists(kept):
					self._bring_back(kept, to + "/" + name)
				else:
					os.mkdir(to + "/" + name, int(mode, 8))
				continue
			if os.path.exists(kept):
				shutil.copyfile(kept, to + "/" + name)
			else:
				open(to + "/" + name, "wb").close()
			os.chmod(to + "/" + name, int(mode, 8))

	def cut(self):
		"""The power was lost: the disk takes the place of the folder. Whoever ran on it must be dead."""
		gone = self.root + ".gone"
		os.rename(self.root, gone)
		self._bring_back(self.disk + "/" + self.top, self.root)
		shutil.rmtree(gone)
		self.settle()


class Daemon(Machine):
	"""A machine with one program that stays: a room's bdkd, or a terminal."""

	def __init__(self, world, name, ready):
		super().__init__(world, name)
		self.process, self.ready, self.lies = None, ready, False
		self.out, self.err = world.work + "/" + name + ".log", world.work + "/" + name + ".err"

	def command(self):
		raise NotImplementedError

	def start(self):
		self.kill.disarm()
		self.boot()

	def boot(self):
		env = dict(self.env, KEYROOM_KILL_LOG=self.kill.log)
		if self.lies:
			env["KEYROOM_NO_SYNC"] = "1"
		with open(self.out, "wb") as out, open(self.err, "ab") as err:
			self.process = subprocess.Popen(self.command(), env=env, stdin=subprocess.DEVNULL, stdout=out,
							stderr=err)
		end = time.monotonic() + PATIENCE
		while True:
			with open(self.out, "rb") as f:
				if any(line.startswith(self.ready) for line in f.read().split(b"\n")[:-1]):
					return
			if self.process.poll() is not None or time.monotonic() > end:
				with open(self.err) as f:
					raise Violation("%s did not start again: %s" % (self.root, f.read()[-300:]))
			time.sleep(0.002)

	def alive(self):
		if self.process and self.kill.doomed(0):
			self.process.wait()	# its sockets are closed a moment before it can be waited for
		return self.process and self.process.poll() is None

	def stop(self, how=signal.SIGTERM):
		if self.process:
			self.process.send_signal(how)
			self.process.wait()
			self.process = None

	def revive(self, cut):
		"""Start it again if it died; with a loss of power in between."""
		if self.alive():
			return False
		self.process.wait()
		if cut:
			self.cut()
		self.start()
		return True


class Room(Daemon):
	def __init__(self, world, name):
		super().__init__(world, name, b"bdkd: serving")

	def command(self):
		return [BIN + "bdkd", "--room", self.root]


	def query(self, sql, *args):
		db = sqlite3.connect("file:%s/journal.db?mode=ro" % self.root, uri=True, timeout=5)
		try:
			return db.execute(sql, args).fetchall()
		finally:
			db.close()


	def loads(self, serial=None):
		"""All loads, or one terminal's, in the order of their last change."""
		rows = self.query(LOADS + "AND (? IS NULL OR l.serial = ?) ORDER BY e.sequence", serial, serial)
		return [Load(*r[:3], initial(r[2], r[3]), STATES[r[4]], r[5].hex().upper(), *r[6:]) for r in rows]


class Terminal(Daemon):
	def __init__(self, world, serial):
		super().__init__(world, serial, b"READY")
		self.serial, self.root_digest = serial, world.root_digest
		self.link, self.till = world.work + "/" + serial + ".link", world.work + "/" + serial + ".till"
		self.sales = b""
		self.accepted = 0		# KEYs in its life
		self.count = [0] * 4		# as it was with the load of each slot
		os.mkdir(self.root)
		self.settle()

	def command(self):
		return [BIN + "terminal", "--nv", self.root + "/nv", "--link", "unix:" + self.link, "--till",
			"unix:" + self.till, "--serial", self.serial, "--root", self.root_digest, "--display",
			self.out + ".display"]

	def spki(self):
		with open(self.out + ".display") as f:
			return [line[5:] for line in f.read().splitlines() if line.startswith("SPKI ")]

	def took(self, slot):
		self.accepted += 1
		self.count[slot] = self.accepted

	def status(self):
		"""Its own word: a slot's {state, initial KSN, check value}, asked at the till (terminal/till.h)."""
		p = ask(self.till, b"\x01")
		need(p[:1] == b"\x02", "%s: no STATE: %s" % (self.serial, p.hex()))
		at, out = 2, []

		def take():
			nonlocal at
			n = p[at]
			at += 1 + n
			return p[at - n:at]

		need(take().decode() == self.serial, "another terminal answers at the till")
		take()
		slots = p[at]
		at += 1
		for _ in range(slots):
			state = p[at + 1]
			at += 2
			take()
			out.append((state, take().hex().upper(), take().hex().upper()))
		return out

	def emitted(self):
		"""Every RESULT that it has put on the till's line in its whole life: [(KSN, frame)], in order."""
		out = []
		with open(self.kill.log) as f:
			for line in f:
				who, n, act, target, length, data = line.rstrip("\n").split(" ")
				if act != "write" or not target.startswith("socket:"):
					continue
				for raw, payload in frames(bytes.fromhex(data)):
					# A RESULT; of 3 bytes it is the loading link's ABORT.
					if payload[:1] == b"\x06" and len(payload) > 3:
						n = 2 + payload[1]
						out.append((payload[n + 1:n + 1 + payload[n]].hex().upper(), raw))
		return out


def frames(wire):
	"""The frames in what a terminal wrote (protocol/link.h): each whole, with channel and sequence, and its payload."""
	for piece in wire.split(b"\x7e"):
		if piece:
			raw = piece.replace(b"\x7d\x5e", b"\x7e").replace(b"\x7d\x5d", b"\x7d")
			if len(raw) >= 11 and struct.pack("<I", binascii.crc32(raw[:-4])) == raw[-4:] and raw[0] == 2:
				yield raw, raw[7:-4]


def ask(path, payload):
	raw = b"\x01" + os.urandom(4) + b"\x00\x01" + payload
	raw += struct.pack("<I", binascii.crc32(raw))
	wire = b"\x7e" + raw.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e"
	with socket.socket(socket.AF_UNIX) as s:
		s.settimeout(PATIENCE)
		s.connect(path)
		s.sendall(wire)
		got = b""
		while True:
			more = s.recv(4096)
			need(more, "%s: no reply" % path)
			got += more
			for _, reply in frames(got):
				return reply


def counter_of(ksn):
	"""(initial KSN, counter) of a transaction's KSN: the last 21 bits of TDES, the last 32 of AES."""
	bits = 21 if len(ksn) == 20 else 32
	v = int(ksn, 16)
	return "%0*X" % (len(ksn), v >> bits << bits), v & ((1 << bits) - 1)


class World:
	def __init__(self, work, workers=1):
		"""workers: of the load room. Acts of several are counted together, so which comes at which is chance."""
		self.work = work
		self.kills = self.cuts = self.loads = self.sold = 0
		self.terminals = []
		self.seen = {}			# initial KSN -> (serial, slot) of whoever ever showed it
		self.hand = Machine(self, "station")	# where people and kif work
		os.makedirs(self.hand.root)
		self.hand.settle()
		self.ledger = self.hand.root + "/kif.db"
		for name in ("ca", "load", "acquirer"):
			self.tool("bdk", "init", work + "/" + name, "--purpose", name, "--test", "--name", name)
		# The mark outside the room is on the same machine: it loses what was not synced too.
		os.mkdir(work + "/load/mark", 0o700)
		with open(work + "/load/room.conf") as f:
			conf = re.sub("(?m)^mark = .*", "mark = %s/load/mark" % work, f.read())
		with open(work + "/load/room.conf", "w") as f:
			f.write(conf + "workers = %d\n" % workers)
		for name in ("ca", "load", "acquirer"):		# where the shims write, which are in bdkd
			with open(work + "/" + name + "/room.conf", "a") as f:
				f.write("module-folder = %s\n" % work)
		self.ca, self.load, self.acquirer = (Room(self, name) for name in ("ca", "load", "acquirer"))
		for room in (self.ca, self.load, self.acquirer):
			room.settle()
			room.start()
		for room in (self.load, self.acquirer):
			name = os.path.basename(room.root)
			self._file(name + ".csr", self.tool("bdk", "request", "--room", room.root))
			self._file(name + ".crt", self.tool("bdk", "certify", "--room", self.ca.root, "--role", name,
							     work + "/" + name + ".csr"))
			self._file("anchors", self.tool("bdk", "anchors", "--room", self.ca.root))
			self.tool("bdk", "install", "--room", room.root, "--anchors", work + "/anchors",
				   work + "/" + name + ".crt")
		self._file("crl", self.tool("bdk", "crl", "--room", self.ca.root))
		for room in (self.load, self.acquirer):
			self.tool("bdk", "install", "--room", room.root, "--crl", work + "/crl")
		for scheme, key_set in (("tdes", TDES), ("aes128", AES)):
			self.tool("bdk", "generate", "--room", self.load.root, "--for", work + "/acquirer.crt",
				  "--scheme", scheme, "--id", key_set, "--out", work + "/" + key_set)
			self._file("lease", self.tool("bdk", "lease", "--room", self.ca.root, "--for", work + "/load.crt",
						      "--scheme", scheme, "--key-set", key_set, "--count", "100000"))
			self.tool("bdk", "accept", "--room", self.load.root, work + "/lease")
			self.tool("bdk", "import", "--room", self.acquirer.root, work + "/" + key_set)
		self.root_digest = json.loads(self.tool("bdk", "info", "--room", self.ca.root, "--json"))["root"]
		# SoftHSM syncs nothing: that is outside of what is tested here.
		for room in (self.ca, self.load, self.acquirer):
			room.settle()

	def _file(self, name, content):
		with open(self.work + "/" + name, "wb") as f:
			f.write(content)

	def tool(self, program, *args, ok=(0,), stdin=b""):
		p = subprocess.run([BIN + program, *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
				   timeout=PATIENCE)
		need(p.returncode in ok, "%s %s: %s" % (program, args[0], p.stderr.decode()))
		return p.stdout

	def end(self):
		for d in [self.ca, self.load, self.acquirer, *self.terminals]:
			d.stop(signal.SIGKILL)

	def terminal(self, serial):
		"""A new one, on the maker's list, without power."""
		self.tool("bdk", "expect", "--room", self.ca.root, serial)
		t = Terminal(self, serial)
		self.terminals.append(t)
		return t

	def retire(self, t):
		t.stop()
		self.terminals.remove(t)

	# --- one command, with everybody in it at risk

	def command(self, args, terminal, room=None, stdin=b"", cut=False, digest=False):
		"""Run a tool; a terminal that dies is brought back while it runs, a room after it. (status, out, err)"""
		had = len(terminal.spki()) if digest else 0
		with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
				      env=self.hand.env) as p:
			if not digest:
				self._say(p, stdin)
			end = time.monotonic() + PATIENCE
			while p.poll() is None:
				if time.monotonic() > end:
					p.kill()
					raise Violation("%s hangs: %s" % (os.path.basename(args[0]), p.stderr.read()))
				if digest and len(terminal.spki()) > had:
					self._say(p, terminal.spki()[-1].encode() + b"\n")
					digest = False
				self._back(terminal, cut)
				time.sleep(0.001)
			out, err = p.stdout.read(), p.stderr.read()
		self._back(terminal, cut)
		if room:
			self._back(room, cut)
		if p.returncode == -signal.SIGKILL:
			self.kills += 1
			if cut:
				self.hand.cut()
				self.cuts += 1
		return p.returncode, out, err.decode()

	def _say(self, p, text):
		try:
			p.stdin.write(text)
			p.stdin.close()
		except BrokenPipeError:
			pass

	def _back(self, daemon, cut):
		if daemon.revive(cut):
			self.kills += 1
			self.cuts += cut

	# --- what people do

	def enrol(self, t, **how):
		return self.command([BIN + "bdk", "enrol", "--room", self.ca.root, "--port", "unix:" + t.link,
				     "--serial", t.serial], t, self.ca, digest=True, **how)

	def inject(self, t, slot, key_set, **how):
		return self.command([BIN + "kif", "inject", "--room", self.load.root, "--port", "unix:" + t.link,
				     "--serial", t.serial, "--key-set", key_set, "--slot", str(slot), "--ledger",
				     self.ledger, "--json"], t, self.load, **how)

	def sell(self, t, slot, count=1, **how):
		status, out, err = self.command([BIN + "pos", "--till", "unix:" + t.till, "--slot", str(slot),
						 "--count", str(count)], t, stdin=SALE, **how)
		t.sales += out[:out.rfind(b"\n\n") + 2] if b"\n\n" in out else b""
		return status, out, err

	def zeroize(self, t, slot, **how):
		return self.command([BIN + "kif", "zeroize", "--room", self.load.root, "--port", "unix:" + t.link,
				     "--serial", t.serial, "--slot", str(slot), "--reason", "reload", "--ledger",
				     self.ledger], t, self.load, **how)

	# --- what must hold

	def check_enrolled(self, t):
		rows = self.ca.query("SELECT state, spki FROM device WHERE serial = ?", t.serial)
		need(len(rows) == 1 and rows[0][0] == 3, "%s: the ca room says %s" % (t.serial, rows))
		shown = {line.replace(" ", "") for line in t.spki()}
		need(shown == {rows[0][1].hex().upper()[:32]}, "%s showed %s" % (t.serial, shown))
		need(not self.ca.query("SELECT serial FROM device WHERE state = 4"), "something is quarantined")

	def check_slot(self, t, slot):
		"""Terminal's own word, journal and ledger are one, and nobody else ever had this id."""
		state, ksn, kcv = t.status()[slot]
		need(state == LOADED, "%s slot %u is not loaded" % (t.serial, slot))
		owner = self.seen.setdefault(ksn, (t.serial, slot))
		need(owner == (t.serial, slot), "%s slot %u holds %s, which is %s" % (t.serial, slot, ksn, owner))
		rows = [r for r in self.load.loads(t.serial) if r.slot == slot]
		need([r.state for r in rows].count("loaded") == 1 and {r.state for r in rows} <= {"loaded", "zeroized"},
		     "%s slot %u: the journal says %s" % (t.serial, slot, rows))
		row = rows[-1]
		need((row.state, row.ksn, row.kcv, row.load_count) == ("loaded", ksn, kcv, t.count[slot]),
		     "%s slot %u holds %s %s of load %d, the journal says %s" %
		     (t.serial, slot, ksn, kcv, t.count[slot], row))
		out = json.loads(self.tool("kif", "show", t.serial, "--ledger", self.ledger, "--json"))
		need([ledger_load(f) for f in out if f["slot"] == slot] == [r[:-1] for r in rows],
		     "the ledger says %s" % out)

	def check_counters(self, t):
		"""What left the terminal: a KSN is the answer to one request, and counters go up."""
		last, answers = {}, {}
		for ksn, frame in t.emitted():
			need(answers.setdefault(ksn, frame) == frame, "%s: %s answers two requests" % (t.serial, ksn))
			key, counter = counter_of(ksn)
			need(counter >= last.get(key, 0), "%s: %s after counter %d" % (t.serial, ksn, last.get(key, 0)))
			last[key] = counter

	def check_sales(self, t):
		"""What the till got: KSNs go up, and the acquirer recovers every one."""
		ksns = [line[6:].decode() for line in t.sales.splitlines() if line.startswith(b"ksn = ")]
		last = {}
		for ksn in ksns:
			key, counter = counter_of(ksn)
			need(counter > last.get(key, 0),
			     "%s: the till got %s after counter %d" % (t.serial, ksn, last.get(key, 0)))
			last[key] = counter
		need(set(ksns) <= {ksn for ksn, _ in t.emitted()}, "%s: not all was seen on the line" % t.serial)
		if ksns:
			self._file("sales", t.sales)
			out = self.tool("acquirer", "decrypt", "--room", self.acquirer.root, self.work + "/sales")
			for what in (b"\npin = %s\n" % PIN.encode(), b"\nmac_verdict = ok\n", b"\ndata_clear = x\n"):
				need(out.count(what) == len(ksns), "%s: the acquirer recovers %d of %d: %s" %
				     (t.serial, out.count(what), len(ksns), out.decode()[-400:]))
		self.sold += len(ksns)

	def check_all(self):
		"""Over everything that ever happened here."""
		loads = self.load.loads()
		ids = [(r.key_set, r.ksn) for r in loads]
		need(len(ids) == len(set(ids)), "an id came twice")
		need(all(r.state in ("loaded", "zeroized") for r in loads), "a load is in doubt")
		out = json.loads(self.tool("kif", "list", "--ledger", self.ledger, "--json"))
		odd = {r[:-1] for r in loads} ^ {ledger_load(f) for f in out}
		need(not odd, "journal and ledger differ: %s" % odd)


def ledger_load(f):
	"""A load as kif's ledger has it, in the journal's shape."""
	return (f["serial"], f["slot"], f["key_set"], f["initial_ksn"], f["state"], f["check_value"], f["load_count"],
		f["sequence"])


def initial(key_set, device):
	"""Initial KSN of a device id."""
	if len(key_set) == 10:
		return "%020X" % (int(key_set, 16) << 40 | device << 21)
	return "%s%08X00000000" % (key_set, device)
