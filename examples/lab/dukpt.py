#!/usr/bin/python3
"""A program that lab validate can judge: AES DUKPT (ANSI X9.24-3:2017) and the counter rules, in Python.

    lab validate --exec 'python3 examples/lab/dukpt.py'

It reads stanzas ("key = value" lines, a blank line after each) and answers each with one. The field "command" says what
is asked. What it does not know it answers with "status = unsupported", which lab reports as not asked. It needs nothing
but the package cryptography, and shares no code with Keyroom.
"""
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# name: algorithm, bits
TYPES = {
    "2TDEA": (0, 128), "3TDEA": (1, 192), "AES128": (2, 128), "AES192": (3, 192), "AES256": (4, 256),
    "HMAC128": (5, 128), "HMAC192": (5, 192), "HMAC256": (5, 256),
}
STRENGTH = {"2TDEA": 80, "3TDEA": 112}
USAGES = {
    "key_pin": 0x1000, "key_mac_gen": 0x2000, "key_mac_ver": 0x2001, "key_mac_both": 0x2002, "key_data_enc": 0x3000,
    "key_data_dec": 0x3001, "key_data_both": 0x3002, "key_key_encryption": 0x0002, "key_key_derivation": 0x8000,
}


class Refused(Exception):
    pass


class Unsupported(Exception):
    pass


def ones(n):
    return bin(n).count("1")


def derive_key(parent, usage, kind, last8):
    algorithm, bits = TYPES[kind]
    data = b""
    for block in range(1, (bits + 127) // 128 + 1):
        data += bytes([1, block]) + usage.to_bytes(2, "big") + algorithm.to_bytes(2, "big")
        data += bits.to_bytes(2, "big") + last8
    run = Cipher(algorithms.AES(parent), modes.ECB()).encryptor()
    return (run.update(data) + run.finalize())[:bits // 8]


def derive(q):
    if q.get("scheme", "aes") == "tdes" or len(q.get("ksn", q.get("iksn", ""))) in range(16, 21):
        raise Unsupported("TDES")
    parent = bytes.fromhex(q.get("bdk") or q["ik"])
    own = {16: "AES128", 24: "AES192", 32: "AES256"}[len(parent)]
    kind = q.get("working_key_type", own)
    initial_id = bytes.fromhex(q.get("ikid") or q.get("ksn") or q["iksn"])[:8]
    ik = derive_key(parent, 0x8001, own, initial_id) if "bdk" in q else parent
    if "ksn" not in q:
        return {"ik": ik.hex()}
    counter = int(q["ksn"][16:], 16)
    update = q.get("update_key") == "yes" and counter == 0xFFFFFFFF
    if not update and (counter == 0 or ones(counter) > 16):
        raise Refused("no terminal reaches this counter")
    if STRENGTH.get(kind, TYPES[kind][1]) > TYPES[own][1]:
        raise Refused("the working key is stronger than its parent")
    key, reached = ik, 0
    for bit in range(31, -1, -1):
        if counter >> bit & 1:
            reached |= 1 << bit
            key = derive_key(key, 0x8000, own, initial_id[4:] + reached.to_bytes(4, "big"))
    answer = {"ik": ik.hex(), "deriv_key": key.hex()}
    for name, usage in USAGES.items():
        if not update or name == "key_key_encryption":
            answer[name] = derive_key(key, usage, kind, initial_id[4:] + reached.to_bytes(4, "big")).hex()
    return answer


def ksn(q):
    if "tc" not in q:
        raise Unsupported("counting")
    most, last = (10, 0x1FF800) if len(q["tc"]) == 6 else (16, 0xFFFF0000)
    counter = int(q["tc"], 16)
    if counter == last:
        return {"valid": "yes", "next": "exhausted"}
    after = counter + 1
    while ones(after) > most:
        after += after & -after
    return {"valid": "yes" if counter and ones(counter) <= most else "no", "next": "%0*X" % (len(q["tc"]), after)}


def answer(q):
    commands = {"derive": derive, "ksn": ksn}
    try:
        if q.get("command") not in commands:
            raise Unsupported(q.get("command", "no command"))
        return {**commands[q["command"]](q), "status": "ok"}
    except Unsupported as why:
        return {"status": "unsupported", "reason": "not in this program: %s" % why}
    except Refused as why:
        return {"status": "refused", "reason": str(why)}
    except (KeyError, ValueError) as why:
        return {"status": "refused", "reason": "bad question: %r" % why}


def main():
    question = {}
    for line in list(sys.stdin) + [""]:
        name, sign, value = line.partition("=")
        if sign:
            question[name.strip()] = value.strip()
        elif question:
            print("".join("%s = %s\n" % field for field in answer(question).items()))
            question = {}


main()
