"""counts.py FOLDER [SEED]: runs build/arm/bin/counts.elf (tests/board/counts.c has the same shape) and looks whether each of its
cases took the same number of instructions whatever its secrets were, and its twins did not."""
import hashlib
import hmac
import os
import struct
import subprocess
import sys

ELF, AT, SIZE = "build/arm/bin/counts.elf", 0x20000, 16 << 20
TIMES, SIGNATURES, ROW = 32, 8, 32 + 4 * 3 + 4 * 32
# 2 ** 10 ns an instruction, 40 ns a tick of the timer: what it may be off by is less than one instruction.
SHIFT, TICK = 10, 40
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def nonce(key, digest):
    """k of RFC 6979, its first candidate."""
    h = (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    k, v = bytes(32), b"\1" * 32
    for i in (b"\0", b"\1"):
        k = hmac.digest(k, v + i + key + h, "sha256")
        v = hmac.digest(k, v, "sha256")
    return hmac.digest(k, v, "sha256")


def signatures(seed):
    """Half of them with a nonce that begins with a zero byte: that showed once."""
    out, n = [], 0
    for want in [False] * (SIGNATURES // 2) + [True] * (SIGNATURES // 2):
        while True:
            n += 1
            key, digest = (hashlib.sha256(b"%s %s %d" % (seed, what, n)).digest() for what in (b"key", b"digest"))
            if (nonce(key, digest)[0] == 0) == want:
                break
        out.append(key + digest)
    return out


def main():
    folder, seed = sys.argv[1], sys.argv[2].encode() if sys.argv[2:] else b"keyroom"
    nv = os.path.join(folder, "counts.nv")
    with open(nv, "wb") as f:
        f.truncate(SIZE)
        f.seek(AT)
        f.write(hashlib.sha256(seed).digest() + b"".join(signatures(seed)))
    qemu = subprocess.run(
        ["qemu-system-arm", "-M", "mps2-an386,memory-backend=nv", "-object",
         f"memory-backend-file,id=nv,size={SIZE},mem-path={nv},share=on", "-nodefaults", "-display", "none",
         "-semihosting-config", "enable=on,target=native", "-icount", f"shift={SHIFT},sleep=off", "-kernel", ELF],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with open(nv, "rb") as f:
        f.seek(AT + 32 + 64 * SIGNATURES)
        cases, done = struct.unpack("<2I", f.read(8))
        rows = f.read(ROW * cases)
    if qemu.returncode or not done:
        sys.exit(f"counts: the image ended after {cases} cases: {qemu.stderr}")
    bad = 0
    for i in range(cases):
        row = rows[ROW * i:ROW * (i + 1)]
        name, (twin, failed, times) = row[:32].rstrip(b"\0").decode(), struct.unpack_from("<3I", row, 32)
        counts = [round(t * TICK / 2 ** SHIFT) for t in struct.unpack_from(f"<{times}I", row, 44)]
        same = len(set(counts)) == 1
        verdict = f"failed: result {failed}" if failed else "caught" if twin and not same else "NOT CAUGHT" if twin else \
            "" if same else "DEPENDS ON SECRETS"
        bad += bool(failed) or same == bool(twin)
        shown = f"{counts[0]:,}" if same else f"{min(counts):,} to {max(counts):,}"
        print(f"{name:34} {times:3} runs of {shown} {verdict}")
    sys.exit(1 if bad or not cases else 0)


main()
