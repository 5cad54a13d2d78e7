"""
noise.py FOLDER BYTES: so many random bytes on each of the board's lines, both at once; then each answers the next good frame.
SEED= repeats a run.
"""
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from board import PATIENCE, STATE, STATUS, Board, Link, Wrong, need  # noqa: E402

LINES = {"loading link": ("link", b"", b""), "till's line": ("till", bytes([STATUS]), bytes([STATE]))}
RECEIVED, DEAF = 7, 9  # words of struct probe


def flood(link, noise, request, answers, name):
    link.send(noise)
    answers[name] = link.ask(request)


def both(folder, count, seed, deaf, patience):
    """The replies to a good frame after that much noise, a line each; None: there was none."""
    answers = dict.fromkeys(LINES)
    with Board(folder, "noise", "build/arm/bin/keyroom-probe.elf", "NOISE-1", "00" * 32) as board:
        board.memory.set(DEAF, deaf)
        before, threads, links = [board.memory.word(RECEIVED + i) for i in range(2)], [], []
        for i, (name, (end, request, _)) in enumerate(LINES.items()):
            links.append(Link(f"{board.nv}.{end}" if end == "link" else board.till, patience))
            noise = random.Random(seed + i).randbytes(count)
            threads.append(threading.Thread(target=flood, args=[links[i], noise, request, answers, name]))
            threads[i].start()
        for thread in threads:
            thread.join()
        took = [board.memory.word(RECEIVED + i) - n for i, n in enumerate(before)]
        need(deaf or min(took) > count, f"of {count} bytes the firmware took {took}")
    return answers


folder, count = sys.argv[1], int(sys.argv[2])
seed = int(os.environ.get("SEED", time.time_ns()))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
try:
    print(f"seed {seed}", flush=True)
    since = time.monotonic()
    for name, answer in both(folder, count, seed, 0, 10 * PATIENCE).items():
        good = LINES[name][2]
        need(answer is not None and answer[:1] == good, f"the {name} is dumb after {count} bytes of noise: {answer}")
    print(f"{count} bytes of noise on both lines, {time.monotonic() - since:.1f} s; the next good frame is answered on each")
    # The broken twin's receiver never leaves a frame that was too long or damaged.
    need(set(both(folder, 5000, seed, 1, 3).values()) == {None}, "the broken twin, a receiver that stays deaf, was not caught")
except Wrong as why:
    sys.exit(f"noise: {why}")
