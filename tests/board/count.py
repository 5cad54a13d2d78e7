"""count.py MEMORY OUT.json: what a life under -icount cost, from the probe's marks; see tools/bench-board."""
import json
import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(__file__))
from board import KINDS, Memory  # noqa: E402

TICK, INSTRUCTION = 40, 64  # ns


def line_through(points):
    """(a, b) of n = a + b * x, by least squares."""
    mx, my = (statistics.mean(p[i] for p in points) for i in (0, 1))
    b = sum((x - mx) * (y - my) for x, y in points) / sum((x - mx) ** 2 for x, _ in points)
    return my - b * mx, b


memory = Memory(sys.argv[1])
cost, sales, before = {}, [], 0
for kind, stores, ticks in memory.marks():
    n = ticks * TICK // INSTRUCTION
    if KINDS[kind] == "KEYPAD" and stores > before:
        sales[-1].append(n)
    else:
        cost.setdefault(KINDS[kind], []).append(n)
    if KINDS[kind] == "STATUS":
        sales.append([])
    before = stores

out = {"stack_bytes": memory.stack}
names = {"power-on": ("power-on, blank", "power-on, loaded"), "HELLO": ("HELLO -> OFFER",), "KEY": ("KEY -> RECEIPT",),
         "IDENTIFY": ("IDENTIFY -> CSR",), "CERT": ("CERT -> DONE",), "ZEROIZE": ("ZEROIZE -> RECEIPT, all slots",)}
print(f"{'instructions on the Cortex-M4':40} {'typical':>12} {'most seen':>12}")
for kind, titles in names.items():
    seen = cost[kind]
    parts = [seen[:1], seen[1:]] if len(titles) == 2 else [seen]
    for title, part in zip(titles, parts):
        out[title] = {"typical": int(statistics.median(part)), "most": max(part)}
        print(f"{title:40} {out[title]['typical']:12,} {max(part):12,}")
# The number of keys that a transaction makes is that of the zeros below its counter's lowest one.
for scheme, seen, most in (("TDES", sales[0], 20), ("AES-128", sales[1], 31)):
    points = [((i & -i).bit_length() - 1, n) for i, n in enumerate(seen, 1)]
    a, b = line_through(points)
    worst = int(a + b * most)
    out["transaction, " + scheme] = {"typical": int(statistics.median(seen)), "most": max(seen), "worst": worst, "a_key": int(b)}
    print(f"{'transaction, ' + scheme:40} {int(statistics.median(seen)):12,} {max(seen):12,}   worst {worst:,}: {most} new keys "
          f"of {int(b):,}, calculated from {len(seen)}")
print(f"stack, the deepest that it was: {memory.stack} bytes")
with open(sys.argv[2], "w") as f:
    json.dump(out, f, indent=1)
