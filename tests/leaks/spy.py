#!/usr/bin/env python3
"""Reads a log of pkcs11-spy and says what a room may not have asked of its token.

    spy.py LOG NEEDLES ASSEMBLIES      a ca or load room
    spy.py LOG NEEDLES acquirer        an acquirer room

Permitted are these functions alone, none of which decrypts but for what the probe unwraps; no CKA_VALUE is read; no template says SENSITIVE false; no secret is
created but the probe's published values and, ASSEMBLIES times, the two objects of a TDES BDK that is being assembled: the BDK and
its variant, as NEEDLES has them (the random bytes that become it by setting parity cross before, as C_GenerateRandom's). Apart
from those two calls no dump holds a needle ("NAME HEX", tests/leaks/keys.c) or half of one.
In an acquirer room BDKs may come in wrapped, to stay; and initial keys go out, those of the needles "ik" alone, as values read of
session objects. No other needle is in any dump there either.
Prints one line for each breach; status 0: none, 1: some, 2: not a log.
"""
import re
import sys

from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

FUNCTIONS = """C_GetFunctionList C_Initialize C_Finalize C_GetInfo C_GetSlotList C_GetSlotInfo C_GetTokenInfo C_OpenSession
C_CloseSession C_CloseAllSessions C_Login C_GenerateRandom C_FindObjectsInit C_FindObjects C_FindObjectsFinal C_GetAttributeValue
C_SetAttributeValue C_CreateObject C_CopyObject C_DestroyObject C_GenerateKey C_GenerateKeyPair C_DeriveKey C_WrapKey
C_EncryptInit C_Encrypt C_SignInit C_Sign""".split()

# bdk/token_probe.c: Z = 00..1F, the BDKs of X9.24-1 (and its variant) and X9.24-3 (of each length), the
# initial key of its AES-128 one, the KEK of Z
PUBLISHED = {
    bytes(range(32)),
    bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"),
    bytes.fromhex("C1E385A789ABCDEF3E1C7A5876543210"),
    bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1"),
    bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1FEDCBA9876543210"),
    bytes.fromhex("FEDCBA9876543210F1F1F1F1F1F1F1F1FEDCBA9876543210F1F1F1F1F1F1F1F1"),
    bytes.fromhex("1273671EA26AC29AFA4D1084127652A1"),
    bytes.fromhex("8A7EF1098E60EF6843545F716146E0631B15C5E543F12573E872A7BBDA03FA89"),
}
KEK = bytes.fromhex("8A7EF1098E60EF6843545F716146E0631B15C5E543F12573E872A7BBDA03FA89")
WRAPPED = {aes_key_wrap_with_padding(KEK, v) for v in PUBLISHED if len(v) == 16}
WRAPPED |= {w[:9] + bytes([w[9] ^ 1]) + w[10:] for w in WRAPPED}  # and it tries what is spoiled

DUMP = re.compile(r"^    [0-9A-F]{8}  ((?:[0-9A-F]{2} ?){1,16})")
WORDS = re.compile(r"^    ((?:[0-9A-F]{2,8} ?)+)$")


def calls(text):
    """(number, function, lines, succeeded) of each call"""
    for part in re.split(r"^(?=\d+: C_\w+$)", text, flags=re.M)[1:]:
        lines = part.splitlines()
        number, function = lines[0].split(": ")
        returned = [line for line in lines if line.startswith("Returned:")]
        if not returned:
            continue  # the one under way when the log was cut
        yield int(number), function, lines, returned[0].split()[1] == "0"


def dumps(lines):
    """each stretch of dumped bytes"""
    out = b""
    for line in lines:
        dump = DUMP.match(line) or WORDS.match(line)
        if dump:
            out += bytes.fromhex(dump.group(1))
        elif out and not line.startswith("     "):
            yield out
            out = b""
    if out:
        yield out


def value(lines):
    """the dump below CKA_VALUE"""
    for i, line in enumerate(lines):
        if re.match(r"    CKA_VALUE +[0-9a-f]+ /", line):
            return next(dumps(lines[i + 1:]), b"")
    return None


def says(lines, attribute, value):
    """a template says so"""
    return any(re.match(rf"    CKA_{attribute} +{value}", line) for line in lines)


def main():
    text = open(sys.argv[1], errors="replace").read()
    needles = [(n, bytes.fromhex(v)) for n, v in (line.split() for line in open(sys.argv[2])) if not v.startswith('"')]
    own = {v for n, v in needles if n in ("bdk", "variant")}
    parts = {(n, v[at:at + 8]) for n, v in needles for at in range(0, len(v), 8)}
    acquirer = sys.argv[3] == "acquirer"
    assemblies = 0 if acquirer else 2 * int(sys.argv[3])
    given_out = {v[at:at + n] for name, v in needles if name == "ik" for n in (8, 16) for at in range(0, len(v) - n + 1, 8)}
    seen, breaches = 0, []
    for number, function, lines, succeeded in calls(text):
        seen += 1

        def breach(what):
            breaches.append(f"{sys.argv[1]}: call {number}, {function}: {what}")

        assembly = False
        unwrapped = function == "C_UnwrapKey" and any(w in stretch for stretch in dumps(lines) for w in WRAPPED)
        comes_in = acquirer and function == "C_UnwrapKey" and not unwrapped
        if function not in FUNCTIONS and not unwrapped and not comes_in:
            breach("is not for such a room")
        if comes_in and not (says(lines, "SENSITIVE", True) and says(lines, "EXTRACTABLE", False)):
            breach("a BDK that may leave")
        goes_out = False
        if function == "C_GetAttributeValue" and succeeded and any(re.match(r"    CKA_VALUE ", line) for line in lines):
            goes_out = acquirer and all(v in given_out or v in PUBLISHED for v in dumps(lines))
            if not goes_out:
                breach("a value was read")
        if function == "C_CreateObject":
            v = value(lines)
            assembly = v in own and assemblies > 0
            assemblies -= assembly
            if not assembly and v not in PUBLISHED:
                breach("a secret was created")
        elif value(lines) and function != "C_GetAttributeValue":
            breach("a value in a template")
        for_once = acquirer and function == "C_DeriveKey" and says(lines, "TOKEN", False)
        if says(lines, "SENSITIVE", False) and not for_once:
            breach("not sensitive")
        if not assembly:
            for stretch in dumps(lines):
                for name in sorted({n for n, half in parts if half in stretch and not (goes_out and n == "ik")}):
                    breach(f"{name} in a dump")
    if not seen:
        sys.exit(2)
    print("\n".join(breaches[:20]) or f"{seen} calls", file=sys.stdout if breaches else sys.stderr)
    sys.exit(1 if breaches else 0)


main()
