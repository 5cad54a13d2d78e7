# A token's PIN from the share files of its custodians, by what the header of bdk/share.h says alone:
#   pin.py ROOM/shares/FILE=PASSPHRASE...
# It is what the tests look for; nobody else has m passphrases at once.
import hashlib
import struct
import sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

exp, log, x = [0] * 510, [0] * 256, 1
for i in range(255):
    exp[i] = exp[i + 255] = x
    log[x] = i
    x = x << 1 ^ (0x11D if x & 0x80 else 0)


def times(a, b):
    return exp[log[a] + log[b]] if a and b else 0


def over(a, b):
    return exp[log[a] + 255 - log[b]] if a else 0


pieces = {}
for arg in sys.argv[1:]:
    path, phrase = arg.split("=", 1)
    b = open(path, "rb").read()
    which, generation, number, m, n, uid = struct.unpack(">BIBBBI", b[5:17])
    at = 17 + 1 + b[17]
    room = b[at + 1:at + 1 + b[at]]
    at += 1 + b[at]
    log_n, r, p = b[at:at + 3]
    key = hashlib.scrypt(phrase.encode(), salt=b[at + 3:at + 19], n=1 << log_n, r=r, p=p, dklen=32, maxmem=1 << 28)
    pieces[number] = AESGCM(key).decrypt(bytes([which]) + bytes(11), b[at + 19:], b[:at + 19])
    need = m
assert len(pieces) >= need
whole = bytearray(24)
for i in pieces:
    factor = 1
    for j in pieces:
        if j != i:
            factor = times(factor, over(j, i ^ j))
    for k in range(24):
        whole[k] ^= times(factor, pieces[i][k])
secret = bytes(whole[:16])
assert hashlib.sha256(bytes([which]) + struct.pack(">I", generation) + room + secret).digest()[:8] == whole[16:]
print("pin-text \"%s\npin-bytes %s" % (secret.hex().upper(), secret.hex()))
