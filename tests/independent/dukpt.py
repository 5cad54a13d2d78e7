#!/usr/bin/python3
"""DUKPT once more, from the standards alone: nothing of this project is imported, and the block ciphers are those of
Debian's python3-cryptography.

  dukpt.py DRIVER COUNT [SEED]

COUNT random KSNs a scheme, each under a BDK of its own, go to DRIVER (tests/independent/driver.c); every figure it
answers is compared. One counter in eight is an impossible one, which has to be refused. A broken twin of each scheme is
compared too, and has to differ.
"""
import concurrent.futures
import hashlib
import hmac
import random
import subprocess
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

ECB = modes.ECB()


def aes(key, data):
    return Cipher(algorithms.AES(key), ECB).encryptor().update(data)


def des3(key, data):
    return Cipher(algorithms.TripleDES(key), ECB).encryptor().update(data)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def cbc(make, key, data):
    size = make.block_size // 8
    return Cipher(make(key), modes.CBC(bytes(size))).encryptor().update(data)


def cmac(make, key, data):
    c = CMAC(make(key))
    c.update(data)
    return c.finalize()


# --- X9.24-1, TDES ----------------------------------------------------------------------------------------------------

TDES_MASK = bytes.fromhex('C0C0C0C000000000C0C0C0C000000000')
TDES_BITS = 21


def tdes_ik(bdk, ksn):
    base = bytearray(ksn[:8])
    base[7] &= 0xE0
    return des3(bdk, bytes(base)) + des3(xor(bdk, TDES_MASK), bytes(base))


def tdes_step(key, register):
    def half(k):
        return xor(des3(k[:8], xor(register, k[8:])), k[8:])
    return half(xor(key, TDES_MASK)) + half(key)


def tdes_txn(ik, ksn, counter):
    base = int.from_bytes(ksn[2:], 'big') >> TDES_BITS << TDES_BITS
    key, so_far = ik, 0
    for bit in range(TDES_BITS - 1, -1, -1):
        if counter >> bit & 1:
            so_far |= 1 << bit
            key = tdes_step(key, (base | so_far).to_bytes(8, 'big'))
    return key


def tdes_variant(key, byte):
    out = bytearray(key)
    out[byte] ^= 0xFF
    out[byte + 8] ^= 0xFF
    return bytes(out)


def tdes_keys(txn, twin=False):
    yield tdes_variant(txn, 7)
    yield tdes_variant(txn, 6)
    yield tdes_variant(txn, 4)
    for byte in (5, 3):
        v = tdes_variant(txn, byte)
        yield v if twin else des3(v, v)


def retail_mac(key, data):
    data += bytes(-len(data) % 8)
    left = cbc(algorithms.TripleDES, key[:8], data)
    before = left[-16:-8] if len(data) > 8 else bytes(8)
    return des3(key, xor(before, data[-8:]))


def pin_field(control, pin, fill):
    return bytes.fromhex((f'{control}{len(pin):X}' + pin).ljust(16, fill))


def answer_tdes(job, twin):
    ik = tdes_ik(job['bdk'], job['ksn'])
    txn = tdes_txn(ik, job['ksn'], job['counter'])
    keys = list(tdes_keys(txn, twin))
    block0 = xor(pin_field(0, job['pin'], 'F'), bytes.fromhex('0000' + job['pan'][-13:-1]))
    message = job['data'][:-3]
    return [ik, txn, *keys, des3(ik, bytes(8))[:3], retail_mac(keys[1], message),
            cmac(algorithms.TripleDES, keys[1], message), cbc(algorithms.TripleDES, keys[3], job['data']),
            des3(keys[0], block0)]


# --- X9.24-3, AES -----------------------------------------------------------------------------------------------------

# type: algorithm, bits, bits of security
TYPES = {'2TDEA': (0, 128, 80), '3TDEA': (1, 192, 112), 'AES128': (2, 128, 128), 'AES192': (3, 192, 192),
         'AES256': (4, 256, 256), 'HMAC128': (5, 128, 128), 'HMAC192': (5, 192, 192), 'HMAC256': (5, 256, 256)}
USAGES = (0x0002, 0x1000, 0x2000, 0x2001, 0x2002, 0x3000, 0x3001, 0x3002, 0x8000)


def derivation_data(usage, kind, tail):
    algorithm, bits, _ = TYPES[kind]
    return b''.join(bytes((1, n)) + usage.to_bytes(2, 'big') + algorithm.to_bytes(2, 'big') + bits.to_bytes(2, 'big') +
                    tail for n in range(1, 2 + (bits > 128)))


def aes_derive(parent, kind, data):
    return aes(parent, data)[:TYPES[kind][1] // 8]


def aes_walk(key, own, device, counter):
    so_far = 0
    for bit in range(31, -1, -1):
        if counter >> bit & 1:
            so_far |= 1 << bit
            key = aes_derive(key, own, derivation_data(0x8000, own, device + so_far.to_bytes(4, 'big')))
    return key


def answer_aes(job, twin):
    own, kind = job['own'], job['type']
    device, tail = job['ksn'][4:8], job['ksn'][4:]
    ik = aes_derive(job['bdk'], own, derivation_data(0x8001, own, job['ksn'][:8]))
    txn = aes_walk(ik, own, device, job['counter'])
    size = TYPES[kind][1] // 8
    step = 16 if size == 16 else 32
    # all nine in one go: they have one parent
    usages = USAGES if not twin else USAGES[:4] + (0x2003,) + USAGES[5:]
    all_nine = aes(txn, b''.join(derivation_data(u, kind, tail) for u in usages))
    keys = [all_nine[i * step:i * step + size] for i in range(9)]
    message = job['data'][:-3]
    if kind.startswith('HMAC'):
        mac, data = hmac.new(keys[2], message, hashlib.sha256).digest(), None
    else:
        make = algorithms.AES if kind.startswith('AES') else algorithms.TripleDES
        mac, data = cmac(make, keys[2], message), cbc(make, keys[5], job['data'])
    pin_key = aes_derive(txn, own, derivation_data(0x1000, own, tail))
    field = pin_field(4, job['pin'], 'A') + job['random']
    pan = job['pan'].rjust(12, '0')
    pan_field = bytes.fromhex((str(len(pan) - 12) + pan).ljust(32, '0'))
    block = aes(pin_key, xor(aes(pin_key, field), pan_field))
    all_ones, update = b'\xff' * 4, None
    if job['random'][0] < 32:
        update = aes_derive(aes_walk(ik, own, device, 0xFFFFFFFF), kind,
                            derivation_data(0x0002, kind, device + all_ones))
    return [ik, txn, *keys, cmac(algorithms.AES, ik, bytes(16))[:5], mac, data, block, update]


# --- Comparison -------------------------------------------------------------------------------------------------------

def random_counter(rnd, bits, most, possible):
    """Valid ones are drawn uniformly, but for some edges; impossible ones have too many one-bits, or are zero."""
    while True:
        edge = rnd.random() < 0.1
        c = rnd.getrandbits(rnd.randrange(bits) + 1) << rnd.randrange(bits) & (1 << bits) - 1 if edge else \
            rnd.getrandbits(bits)
        if not possible and rnd.random() < 0.05:
            return rnd.choice((0, (1 << bits) - 1))
        if (0 < bin(c).count('1') <= most) == possible:
            return c


def make_job(rnd, scheme):
    tdes = scheme == 'tdes'
    size = 16 if tdes else int(scheme[3:]) // 8
    possible = rnd.random() >= 1 / 8
    counter = random_counter(rnd, *((21, 10) if tdes else (32, 16)), possible)
    if tdes:
        ksn = (rnd.getrandbits(59) << 21 | counter).to_bytes(10, 'big')
        kind = '2TDEA'
    else:
        ksn = rnd.getrandbits(64).to_bytes(8, 'big') + counter.to_bytes(4, 'big')
        kind = rnd.choice([t for t, (_, _, s) in TYPES.items() if s <= 8 * size])
    return {'scheme': scheme, 'possible': possible, 'counter': counter, 'ksn': ksn, 'type': kind, 'own': scheme.upper(),
            'bdk': rnd.randbytes(size), 'random': rnd.randbytes(8), 'data': rnd.randbytes(16 * rnd.randrange(1, 5)),
            'pin': ''.join(rnd.choices('0123456789', k=rnd.randrange(4, 13))),
            'pan': ''.join(rnd.choices('0123456789', k=rnd.randrange(13, 20)))}


def line_of(job):
    ksn = job['ksn'].hex().upper()
    if job['scheme'] == 'tdes' and ksn.startswith('FFFF'):
        ksn = ksn[4:]
    return ' '.join((job['scheme'], job['bdk'].hex(), ksn, job['type'], job['pin'], job['pan'], job['random'].hex(),
                     job['data'].hex()))


def text_of(figures):
    return ' '.join(['ok'] + ['-' if f is None else f.hex().upper() for f in figures])


def compare(driver, scheme, count, seed):
    rnd = random.Random(f'{scheme} {seed}')
    answer = answer_tdes if scheme == 'tdes' else answer_aes
    with subprocess.Popen([driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1 << 16) as p:
        done = refused = twins = 0
        while done < count:
            jobs = [make_job(rnd, scheme) for _ in range(min(100, count - done))]
            p.stdin.write(''.join(line_of(j) + '\n' for j in jobs))
            p.stdin.write('\n')
            p.stdin.flush()
            for job in jobs:
                got = p.stdout.readline().rstrip('\n')
                want = text_of(answer(job, False)) if job['possible'] else 'refused E_COUNTER'
                if got != want:
                    return f'{scheme}: {line_of(job)}\n  ours        {got}\n  independent {want}', 0, 0
                refused += not job['possible']
                if job['possible'] and twins < 20:
                    twins += 1
                    if got == text_of(answer(job, True)):
                        return f'{scheme}: the broken twin was not caught', 0, 0
            done += len(jobs)
        p.stdin.close()
        if p.wait():
            return f'{scheme}: the driver ended with {p.returncode}', 0, 0
    return None, done, refused


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    driver, count, seed = sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) == 4 else '1'
    status = 0
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        jobs = {s: pool.submit(compare, driver, s, count, seed) for s in ('aes256', 'aes192', 'tdes', 'aes128')}
        for scheme, job in jobs.items():
            fault, done, refused = job.result()
            if fault:
                print(fault)
                status = 1
            else:
                print(f'{scheme}: {done} random KSNs agree, {refused} of them impossible and refused')
    sys.exit(status)


if __name__ == '__main__':
    main()
