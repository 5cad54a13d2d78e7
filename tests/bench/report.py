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

runs = ["tdes", "aes128", "tdes.parts", "aes128.parts", "memory", "killed"]
runs += [f"{kind}.{n}" for kind in ("workers", "slow") for n in (1, 2, 4)]
many = {name: lines(name)[0] for name in runs}

print("\none load, without a line: milliseconds of processor and (calls), the disk's by the clock")
for scheme in ("tdes", "aes128"):
    m = many[f"{scheme}.parts"]
    parts = m["parts"]
    each = 1000 * m["seconds"] / m["loads"]
    m["supervisor_rest_ms"] = round(m["supervisor_cpu"] * each - parts["journal"]["ms"] - parts["verify"]["ms"], 3)
    tokens = [p for p in parts if p not in ("disk", "journal", "verify")]
    m["worker_rest_ms"] = round(m["first_worker_cpu"] * each - sum(parts[p]["ms"] for p in tokens), 3)
    text = {p: f"{p} {v['ms']:.2f} ({v['calls']:.0f})" for p, v in parts.items()}
    print(f"  {scheme:7} supervisor: {', '.join(text[p] for p in ('disk', 'journal', 'verify'))}, parsing and the rest {m['supervisor_rest_ms']:.2f}")
    print(f"          worker:     {', '.join(text[p] for p in tokens)}, the rest {m['worker_rest_ms']:.2f}")

print(f"\n{'loads a second, without a line':46} {'/s':>7}   BEGIN, OFFER, RECEIPT ms")
for name in ["tdes", "aes128"] + runs[6:]:
    m = many[name]
    title = f"{m['scheme']}, {m['stations']} station{'s' * (m['stations'] > 1)}, {m['workers']} worker{'s' * (m['workers'] > 1)}"
    title += ", 5 ms a token call" * name.startswith("slow")
    print(f"{title:46} {m['loads_per_second']:7.1f}   {m['begin_ms']:.2f} {m['offer_ms']:.2f} {m['receipt_ms']:.2f}"
          f"   (processor: supervisor {m['supervisor_cpu']:.0%}, first worker {m['first_worker_cpu']:.0%})")
for kind, title in (("workers", "SoftHSM, on the same processors as all else"), ("slow", "a token that takes 5 ms a call")):
    rate = {n: many[f"{kind}.{n}"]["loads_per_second"] for n in (1, 2, 4)}
    many[f"{kind}_ratio"] = {n: round(rate[n] / rate[1], 2) for n in (2, 4)}
    print(f"two workers load {rate[2] / rate[1]:.2f} times as fast as one, four {rate[4] / rate[1]:.2f} times: {title}")

m = many["killed"]
print(f"\nall workers killed {m['kills']} times under load: a KEY of a new one after {m['healed_ms']:.0f} ms, at most {m['healed_most_ms']:.0f} ms; "
      f"{m['again']} of {m['loads']} loads asked again")

m = many["memory"]
print(f"\nmemory over {m['loads']} loads, {m['loads_per_second']:.0f} a second     KiB (descriptors)")
for at in m["memory"]:
    print(f"  {at['loads']:9}  supervisor {at['supervisor_kib']:6} ({at['supervisor_descriptors']})   workers "
          + ", ".join(f"{w['kib']:6} ({w['descriptors']})" for w in at["workers"]))
first, last = m["memory"][5], m["memory"][-1]
m["supervisor_growth_bytes_per_load"] = round(1024 * (last["supervisor_kib"] - first["supervisor_kib"]) / (last["loads"] - first["loads"]), 2)
m["worker_most_kib"] = max(w["kib"] for at in m["memory"] for w in at["workers"])
print(f"  the supervisor grew by {m['supervisor_growth_bytes_per_load']} bytes a load in the second half (SQLite's cache: at most 2 MB in all); "
      f"no worker was above {m['worker_most_kib']} KiB: it is replaced after 50,000 acts")

with open(out, "w") as f:
    json.dump({"one_load": one, "many_loads": many}, f, indent=2)
    f.write("\n")
print(f"\nwritten to {out}")
