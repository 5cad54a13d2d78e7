#!/usr/bin/env python3
"""
survive.py matrix WORK STRIDE       kill at every STRIDE-th act of every victim, with and without loss of power
survive.py twins WORK               broken worlds, each of which must be found out
survive.py random WORK KILLS SEED   so many kills at random acts, for SECS= at most; KEYROOM_SURVIVE=FILE keeps the
                                    figures, and the next run goes on from there

A life is one terminal's: switched on, enrolled, loaded four times, zeroized, loaded again, with sales and restarts in
between, and a kill in each of these. After a kill what died is started again, and the same command is given again.
"""
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time

from world import AES, EMPTY, LOADED, TDES, Violation, World, need

# Who can be killed in what, and whether its machine can also lose its power (the others keep nothing).
VICTIMS = {
	"birth": [("terminal", False), ("terminal", True)],
	"boot": [("terminal", False), ("terminal", True), ("bdkd", False), ("bdkd", True), ("ca bdkd", True),
		 ("worker", False), ("ca worker", False)],
	"enrol": [("bdk", False), ("ca bdkd", False), ("ca bdkd", True), ("ca worker", False), ("terminal", False),
		  ("terminal", True)],
	"load": [("kif", False), ("kif", True), ("bdkd", False), ("bdkd", True), ("worker", False), ("terminal", False),
		 ("terminal", True)],
	"sell": [("pos", False), ("terminal", False), ("terminal", True)],
	"zeroize": [("kif", False), ("kif", True), ("bdkd", False), ("bdkd", True), ("worker", False),
		    ("terminal", False), ("terminal", True)],
}
SLOTS = ((0, TDES), (1, AES), (2, TDES), (3, AES))


class Point:
	"""One kill: in which operation, of whom, before which act, with a loss of power?"""

	def __init__(self, doing, victim, cut, at):
		self.doing, self.victim, self.cut, self.at = doing, victim, cut, at
		self.struck, self.acts = False, 0

	def __str__(self):
		how = "without power at" if self.cut else "killed at"
		return "%s: %s %s act %d" % (self.doing, self.victim, how, self.at)

	def switch(self, w, t):
		kills = {"bdk": w.hand, "kif": w.hand, "pos": w.hand, "bdkd": w.load, "worker": w.load, "ca bdkd": w.ca,
			 "ca worker": w.ca, "terminal": t}
		return kills[self.victim].kill, int("worker" in self.victim)


def risk(w, t, point, act):
	"""act() with a kill in it. Its result."""
	for m in (w.hand, w.load, w.ca, t):
		m.kill.arm()
	if point:
		kill, who = point.switch(w, t)
		kill.arm(who, point.at)
	result = act(point.cut if point else False)
	if point:
		point.struck, point.acts = kill.struck(), kill.acts(who)
		# A worker's death is nobody's exit: the room starts another.
		w.kills += point.struck and "worker" in point.victim
		kill.arm()
	return result


def enrol(w, t, point):
	status, _, err = risk(w, t, point, lambda cut: w.enrol(t, cut=cut))
	if status:
		need(point and point.struck, "enrolment fails by itself: %s" % err)
		status, _, err = w.enrol(t)
	need(not status, "enrolment does not go on: %s" % err)
	w.check_enrolled(t)
	t.stop(signal.SIGKILL)
	t.cut()
	t.start()


def is_key(record):
	"""An answer to OP_OFFER that carries a message: KEY (bdk/record.h, bdk/request.h)."""
	at, tags = 2, []
	while at + 4 <= len(record):
		tags.append(int.from_bytes(record[at:at + 2], "big"))
		at += 4 + int.from_bytes(record[at + 2:at + 4], "big")
	return record[:2] == b"\x00\x2a" and at == len(record) and 52 in tags


def key_order(w):
	"""KEY never leaves before its row is durable: no write to the journal stands unsynced when it goes."""
	dirty, writes, keys = set(), 0, 0
	with open(w.load.kill.log) as f:
		for line in f:
			who, _, act, target, _, data = line.rstrip("\n").split(" ")
			if who != "0":
				continue
			if target.startswith(w.load.root + "/journal.db") and not target.endswith("-shm"):
				writes += act != "sync"
				(dirty.discard if act == "sync" else dirty.add)(target)
			if act == "send" and is_key(bytes.fromhex(data)):
				keys += 1
				need(writes and not dirty, "KEY leaves before %s is synced" % (dirty or "any row"))
	open(w.load.kill.log, "w").close()
	return keys


def load(w, t, slot, key_set, point, meddle=None):
	"""One slot ends loaded once, whatever happens. meddle: what somebody does between the kill and the retry"""
	status, _, err = risk(w, t, point, lambda cut: w.inject(t, slot, key_set, cut=cut))
	keys = key_order(w)
	need(point or keys == 1, "%d KEYs in one loading" % keys)
	if not status:
		t.took(slot)
	else:
		need(point and point.struck, "loading fails by itself: %s" % err)
		state, ksn, _ = t.status()[slot]
		rows = [r for r in w.load.loads(t.serial) if r.slot == slot]
		if state == LOADED:
			t.took(slot)
			need(rows and rows[-1].ksn == ksn and rows[-1].keys,
			     "%s holds %s, and the journal knows no KEY" % (t.serial, ksn))
			need(w.sell(t, slot)[0] == 0, "a loaded terminal does not sell")
			w.seen.setdefault(ksn, (t.serial, slot))
		if meddle:
			meddle()
		# Where the RECEIPT is in the journal already, the retry is told that the slot holds a key.
		told = state == LOADED and not meddle and rows[-1].state == "loaded"
		status, _, err = w.inject(t, slot, key_set)
		key_order(w)
		need(status == (77 if told else 0), "the loading does not go on: %d %s" % (status, err))
		if state != LOADED or meddle:
			t.took(slot)
		else:
			need(t.status()[slot][1] == ksn, "the retry changed the key")
	w.check_slot(t, slot)


def sell(w, t, slot, point):
	status, _, err = risk(w, t, point, lambda cut: w.sell(t, slot, 2, cut=cut))
	need(not status or (point and point.struck), "a sale fails by itself: %s" % err)
	status, _, err = w.sell(t, slot)
	need(not status, "the till does not go on: %s" % err)
	w.check_counters(t)


def zeroize(w, t, slot, point):
	status, _, err = risk(w, t, point, lambda cut: w.zeroize(t, slot, cut=cut))
	if status:
		need(point and point.struck, "zeroizing fails by itself: %s" % err)
		status, _, err = w.zeroize(t, slot)
	state, ksn, _ = t.status()[slot]
	need(not status and state == EMPTY, "zeroizing does not go on: %s" % err)
	w.seen[ksn] = "zeroized"


def boot(w, t, point):
	"""Whoever is killed while it starts starts the next time."""
	victim = point.victim if point else "terminal"
	d, who = {"terminal": t, "bdkd": w.load, "worker": w.load}.get(victim, w.ca), int("worker" in victim)
	d.stop(signal.SIGKILL)
	if point:
		d.kill.arm(who, point.at)
		try:
			d.boot()
		except Violation:
			need(d.kill.doomed(who), "%s does not start" % victim)
		point.struck, point.acts = d.kill.struck(), d.kill.acts(who)
		if point.struck:
			w.kills, w.cuts = w.kills + 1, w.cuts + point.cut
			d.stop(signal.SIGKILL)
			if point.cut:
				d.cut()
			d.start()
		d.kill.arm()
	else:
		d.start()


def life(w, serial, plan):
	"""plan.pick(doing) gives the point of each operation, or None; plan.more(doing...): is there one to come?"""
	t = w.terminal(serial)
	point = None

	def step(doing, do, *args, **more):
		nonlocal point
		point = plan.pick(doing)
		do(w, t, *args, point, **more)
	try:
		step("birth", boot)
		step("enrol", enrol)
		for slot, key_set in SLOTS:
			if not plan.more("load", "sell", "boot", "zeroize"):
				break
			# The last slot is zeroized between the kill and the retry.
			meddle = (lambda: zeroize(w, t, 3, None)) if slot == 3 else None
			step("load", load, slot, key_set, meddle=meddle)
			step("sell", sell, slot)
			step("boot", boot)
		else:
			step("zeroize", zeroize, 0)
			step("load", load, 0, TDES)
			step("sell", sell, 0)
			for slot, _ in SLOTS:
				w.check_slot(t, slot)
			for slot, _ in SLOTS[1:]:
				if plan.more("zeroize"):
					step("zeroize", zeroize, slot)
		w.check_counters(t)
		w.check_sales(t)
	except Violation as v:
		raise Violation("%s: %s: %s" % (serial, point, v)) from v
	w.loads += t.accepted
	w.retire(t)


class Matrix:
	"""Every act of every victim in turn, or each stride-th; a victim is through when it lived to the end."""

	def __init__(self, stride):
		self.stride, self.given = stride, []
		self.queue = {doing: [[v, cut, 1 + i % min(stride, 3), None] for i, (v, cut) in enumerate(victims)]
			      for doing, victims in VICTIMS.items()}

	def _left(self, doing):
		queue = self.queue[doing]
		queue[:] = [q for q in queue if not q[3] or q[3].struck]
		return queue

	def pick(self, doing):
		queue = self._left(doing)
		if not queue:
			return None
		q = queue.pop(0)
		queue.append(q)
		q[3] = Point(doing, q[0], q[1], q[2])
		q[2] += self.stride
		self.given.append(q[3])
		return q[3]

	def more(self, *doings):
		return any(self._left(doing) for doing in doings)


class Dice:
	"""Random acts, among as many as the victim was seen to have."""

	def __init__(self, seed):
		self.dice, self.most = random.Random(seed), {}
		self.last = Point("", "", False, 0)

	def pick(self, doing):
		last = self.last
		if not last.struck:
			self.most[last.doing, last.victim] = last.acts
		victim, cut = self.dice.choice(VICTIMS[doing])
		most = max(self.most.get((doing, victim), 40), 2)
		self.last = Point(doing, victim, cut, self.dice.randint(1, most))
		return self.last

	def more(self, *_):
		return True


def matrix(work, stride):
	w, m, n, begin = World(work), Matrix(stride), 0, time.monotonic()
	try:
		while m.more(*VICTIMS):
			n += 1
			life(w, "KR-%d" % n, m)
		w.check_all()
	finally:
		w.end()
	for doing, victims in VICTIMS.items():
		for victim, cut in victims:
			struck = sum(p.struck for p in m.given if (p.doing, p.victim, p.cut) == (doing, victim, cut))
			how = "loses power" if cut else "is killed"
			print("%-8s %-9s %-14s %3d acts" % (doing, victim, how, struck))
			need(struck, "%s was never killed in %s" % (victim, doing))
	print("kills: %d (%d with loss of power), lives: %d, loads: %d, sales: %d, %.0f s" %
	      (w.kills, w.cuts, n, w.loads, w.sold, time.monotonic() - begin))


# --- Broken worlds: each yields what is broken, a check, and what that check has to say

def twin_journal(w):
	"""bdkd's syncs do nothing, and its power goes: the same id goes out again. KEY left before its row was durable."""
	one, other = (w.terminal(s) for s in ("TW-1", "TW-2"))
	for t in (one, other):
		t.start()
		enrol(w, t, None)
	w.load.settle()
	w.load.stop()
	w.load.lies = True
	w.load.start()
	need(w.inject(one, 0, TDES)[0] == 0, "twin: no load")
	one.took(0)
	w.check_slot(one, 0)
	yield "key order", lambda: key_order(w), "KEY leaves before"
	w.load.stop(signal.SIGKILL)
	w.load.cut()
	w.load.start()
	yield "the journal forgets a load", lambda: w.check_slot(one, 0), "the journal says []"
	w.inject(other, 0, TDES)	# kif sees that the journal is behind its ledger, but the key is in
	other.took(0)
	yield "one id, two terminals", lambda: w.check_slot(other, 0), "holds %s, which is" % one.status()[0][1]


def twin_terminal(w):
	"""The terminal's syncs do nothing, and its power goes: a used counter comes again, its identity is another."""
	t = w.terminal("TW-4")
	t.start()
	enrol(w, t, None)
	load(w, t, 0, TDES, None)
	t.stop()
	t.settle()
	t.lies = True
	t.start()
	need(w.sell(t, 0)[0] == 0, "twin: no sale")
	w.check_counters(t)
	w.check_sales(t)
	t.stop(signal.SIGKILL)
	t.cut()
	t.start()
	need(w.sell(t, 0)[0] == 0, "twin: no sale")
	yield "a counter comes twice on the line", lambda: w.check_counters(t), "answers two requests"
	yield "a counter comes twice at the till", lambda: w.check_sales(t), "the till got"
	t = w.terminal("TW-3")
	t.start()
	t.stop()
	t.lies = True
	t.start()
	yield "the identity is forgotten", lambda: (enrol(w, t, None), enrol(w, t, None)), "both are quarantined"


def twin_row(w):
	"""The row that a KEY was sent under is gone when the loading is tried again."""
	def forget():
		w.load.stop()
		db = sqlite3.connect(w.load.root + "/journal.db")
		with db:
			db.executescript("DELETE FROM sent; DELETE FROM event; DELETE FROM load;")
		db.close()
		w.load.start()
	t = w.terminal("TW-5")
	t.start()
	enrol(w, t, None)
	# The terminal dies before it answers: it has the key, and the journal no RECEIPT.
	for at in range(1, 100):
		point = Point("load", "kif", False, at)
		status, _, _ = risk(w, t, point, lambda cut: w.inject(t, 0, TDES))
		if t.status()[0][0] == LOADED:
			break
	need(status, "twin: the KEY arrived, and so did its RECEIPT")
	t.took(0)
	forget()
	yield "the retry cannot settle", lambda: load(w, t, 0, TDES, None), "holds a key already"


def twin_ledger(w):
	t = w.terminal("TW-6")
	t.start()
	enrol(w, t, None)
	load(w, t, 0, AES, None)
	db = sqlite3.connect(w.ledger)
	with db:
		db.execute("UPDATE load SET state = 'sent' WHERE serial = 'TW-6'")
	db.close()
	yield "the ledger differs for one", lambda: w.check_slot(t, 0), "the ledger says"
	yield "the ledger differs over all", w.check_all, "journal and ledger differ"


def twins(work):
	for twin in (twin_ledger, twin_terminal, twin_row, twin_journal):
		folder = work + "/" + twin.__name__
		os.mkdir(folder)
		w = World(folder)
		try:
			for what, check, says in twin(w):
				try:
					check()
				except Violation as v:
					need(says in str(v), "%s: found for another reason: %s" % (what, v))
					print("found: " + what)
				else:
					raise Violation("the broken twin was not found: " + what)
		finally:
			w.end()
			shutil.rmtree(folder)


# --- The long run

def at_random(work, kills, seed, seconds):
	"""Figures are kept after every life, so that a run can be ended and gone on with."""
	kept = os.environ.get("KEYROOM_SURVIVE", work + "/figures")
	total = {"seed": seed, "kills": 0, "cuts": 0, "lives": 0, "loads": 0, "sales": 0, "violations": 0}
	if os.path.exists(kept):
		with open(kept) as f:
			total = json.load(f)
	print("seed %d, from life %d on" % (total["seed"], total["lives"] + 1), flush=True)
	end, plan, w = time.monotonic() + seconds, Dice("%d %d" % (total["seed"], total["lives"])), None
	try:
		while total["kills"] < kills and time.monotonic() < end:
			if total["lives"] % 50 == 0 or not w:
				if w:
					w.check_all()
					w.end()
				shutil.rmtree(work + "/world", ignore_errors=True)
				os.mkdir(work + "/world")
				w = World(work + "/world", workers=2)
			before = (w.kills, w.cuts, w.loads, w.sold)
			life(w, "KR-%d" % (total["lives"] + 1), plan)
			total["lives"] += 1
			after = (w.kills, w.cuts, w.loads, w.sold)
			for key, was, now in zip(("kills", "cuts", "loads", "sales"), before, after):
				total[key] += now - was
			with open(kept + ".new", "w") as f:
				json.dump(total, f)
			os.rename(kept + ".new", kept)
		if w:
			w.check_all()
	except Violation:
		total["violations"] += 1
		raise
	finally:
		if w:
			w.end()
		print("kills: %(kills)d (%(cuts)d with loss of power), violations: %(violations)d, lives: %(lives)d,"
		      " loads: %(loads)d, sales: %(sales)d" % total)
	return total["kills"] >= kills


def main():
	what, work = sys.argv[1:3]
	signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))	# nothing is left running
	if what == "matrix":
		matrix(work, int(sys.argv[3]))
	elif what == "twins":
		twins(work)
	elif what == "random":
		done = at_random(work, int(sys.argv[3]), int(sys.argv[4]), int(os.environ.get("SECS", "36000")))
		sys.exit(0 if done else 75)
	else:
		sys.exit(64)


if __name__ == "__main__":
	try:
		main()
	except Violation as v:
		sys.exit("violated: %s" % v)
