# A key block comes into a room that goes by its people: two.py ROOM BLOCK KBPK KEY-SET, as root from the sources' folder. anna asks;
# neither she herself nor a supervisor can agree, berta reads what the block says and does. Nothing is there before that.
import json
import os
import subprocess
import sys

sys.path.insert(0, "tests/people")
from person import Login, appoint  # noqa: E402

room, block, kbpk, key_set = sys.argv[1:5]
PHRASE = "two people bring a key"
PEOPLE = {"anna": (60041, "custodian"), "berta": (60042, "custodian"), "sven": (60043, "supervisor")}


def sets():
    text = subprocess.run([os.environ["BIN"] + "/bdk", "list", "--room", room, "--json"], check=True, capture_output=True,
                          preexec_fn=lambda: os.setresuid(60041, 60041, 60041)).stdout
    return {s["key_set"] for s in json.loads(text)}


def must(holds, what):
    if not holds:
        sys.exit(f"two.py: {what}")


if len(sys.argv) > 5:
    appoint(room, PEOPLE, PHRASE)
    sys.exit()
people = {name: Login(name, uid, role, PHRASE) for name, (uid, role) in PEOPLE.items()}
path = room + "/people.sock"
asks, own, berta, sven = (people[n].connect(path) for n in ("anna", "anna", "berta", "sven"))
for p in (asks, own, berta, sven):
    must(p.login() == "E_OK", f"{p.name} cannot log in")
fields = ("F_BLOCK", open(block, "rb").read().strip()), ("F_UNDER", kbpk.encode())
result, digest = asks.wait("OP_IMPORT_BLOCK", *fields)
must(result == "E_SECOND", f"one person gets {result}")
berta.until_pending(digest)
shown = b"\n".join(v for _, v in berta.fields)
must(f"BDK for AES, key set {key_set}".encode() in shown and kbpk.encode() in shown, f"the second is not shown it: {shown}")
for p in (own, sven):
    must(p.approve(digest) == "E_DENIED", f"{p.name} agrees to it")
must(key_set not in sets(), "it is there before anybody has agreed")
must(berta.approve(digest) == "E_OK" and berta.outcome() == "E_OK", "berta cannot agree")
must(asks.receive() == "E_OK" and asks.get("F_KEY_SET") == key_set.encode(), "anna is not told")
must(key_set in sets(), "it is not there")
# and a KBPK ends by two
result, digest = asks.wait("OP_KBPK_DESTROY", ("F_KBPK", kbpk.encode()))
must(result == "E_SECOND", f"one person destroys a KBPK: {result}")
berta.until_pending(digest)
must(own.approve(digest) == "E_DENIED" and berta.approve(digest) == "E_OK" and berta.outcome() == "E_OK", "two cannot destroy it")
# their processes end with this one's sockets
