"""Puts the figures of tools/bench together: report.py FOLDER OUT.json. Medians; milliseconds unless the name says otherwise."""
import json
import os
import statistics
import sys

folder, out = sys.argv[1:]


def lines(name):
    return [json.loads(line) for line in open(os.path.join(folder, name))]


one = []
for baud in (0, 115200, 9600):
    for scheme in ("tdes", "aes128"):
        rows = []
        for run in lines("one"):
            if (run["baud"], run["scheme"]) != (baud, scheme):
                continue
            octets = run["line"]["to"] + run["line"]["from"]
            pure = octets * 10 * 1000 / baud if baud else 0
            total, token, terminal = run["kif"]["seconds"] * 1000, run["station"]["busy_ms"], run["line"]["busy_ms"]
            rows.append({"bytes": octets, "total": total, "token": token, "terminal": terminal, "line": pure,
                         "rest": total - token - terminal - pure})
        row = {key: round(statistics.median(r[key] for r in rows), 2) for key in rows[0]}
        row = {"baud": baud, "scheme": scheme, "runs": len(rows)} | row
        if baud:
            row["ratio"] = round((row["total"] - row["terminal"]) / row["line"], 3)
        one.append(row)

print(f"{'one load':16} {'bytes':>6} {'total ms':>9} {'line':>8} {'terminal':>8} {'token+journal':>13} {'rest':>6}  (total-terminal)/line")
for r in one:
    name = f"{r['scheme']} {r['baud'] or 'unpaced'}"
    print(f"{name:16} {r['bytes']:6.0f} {r['total']:9.1f} {r['line']:8.1f} {r['terminal']:8.1f} {r['token']:13.1f} {r['rest']:6.1f}"
          f"  {r.get('ratio', '')}" + ("  goal: at most 1.3" if r["baud"] == 115200 else ""))

many = {name: lines(name)[0] for name in ("tdes", "aes128", "one_worker", "two_workers", "slow_one", "slow_two")}
for name, one_worker, two in (("ratio", "one_worker", "two_workers"), ("slow_ratio", "slow_one", "slow_two")):
    many[name] = round(many[two]["loads_per_second"] / many[one_worker]["loads_per_second"], 2)
print(f"\n{'loads a second, without a line':38} {'/s':>7}   BEGIN, OFFER, RECEIPT ms")
for name in ("tdes", "aes128", "one_worker", "two_workers", "slow_one", "slow_two"):
    m = many[name]
    title = f"{m['scheme']}, {m['stations']} station{'s' * (m['stations'] > 1)}, {m['workers']} worker{'s' * (m['workers'] > 1)}{', slow' * name.startswith('slow')}"
    print(f"{title:38} {m['loads_per_second']:7.1f}   {m['begin_ms']:.2f} {m['offer_ms']:.2f} {m['receipt_ms']:.2f}"
          f"   (processor: supervisor {m['supervisor_cpu']:.0%}, first worker {m['first_worker_cpu']:.0%})")
print(f"two workers load {many['ratio']} times as fast as one (the rest is waiting for the disk), and {many['slow_ratio']} times "
      "with a slow token, 20 ms an answer")

m = many["aes128"]
print(f"\nmemory over {m['loads']} loads {'KiB':>12}   descriptors      worker KiB   descriptors")
for at in ("start", "middle", "end"):
    s = m[at]
    print(f"  {at:24} {s['supervisor_kib']:12} {s['supervisor_descriptors']:13} {s['worker_kib']:15} {s['worker_descriptors']:13}"
          + ("  (another worker)" if s["worker"] != m["start"]["worker"] else ""))
m["supervisor_growth_bytes_per_load"] = round(1024 * (m["end"]["supervisor_kib"] - m["start"]["supervisor_kib"]) / m["loads"], 1)
if m["end"]["worker"] == m["start"]["worker"]:
    m["worker_growth_bytes_per_load"] = round(1024 * (m["end"]["worker_kib"] - m["start"]["worker_kib"]) / m["loads"], 1)
print(f"  growth in bytes a load: supervisor {m['supervisor_growth_bytes_per_load']} (SQLite's cache, at most 2 MB), "
      f"worker {m.get('worker_growth_bytes_per_load', 'replaced on the way')}")

with open(out, "w") as f:
    json.dump({"one_load": one, "many_loads": many}, f, indent=2)
    f.write("\n")
print(f"\nwritten to {out}")
