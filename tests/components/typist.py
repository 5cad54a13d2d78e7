# A custodian at a terminal of the own: runs a command there and types, step by step, what standard input says:
#   PATTERN<TAB>REPLY     waits until the screen shows PATTERN (after what the step before waited for), then types REPLY and Enter
#   PATTERN<TAB>^C        … types that control character;  "PATTERN<TAB>-HANGUP": the line goes;  "PATTERN<TAB>-KEY": one key
#   /PATH<TAB>REPLY       waits until that file is there
# A reply "!TEXT" is a secret: status 99 if the screen ever shows it. What the screen shows goes to the file named first:
#   typist.py SCREEN COMMAND...
# SIGTERM goes to the command, and TYPIST_PRELOAD of the environment is preloaded into it alone. Status 98: a pattern never came.
import fcntl
import os
import pty
import select
import signal
import sys
import termios
import time

steps = [line.split("\t") for line in sys.stdin.read().splitlines()]
screen = open(sys.argv[1], "wb", buffering=0)
terminal, line = pty.openpty()
child = os.fork()
if child == 0:
    os.setsid()
    os.close(terminal)
    fcntl.ioctl(line, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(line, fd)
    if "TYPIST_PRELOAD" in os.environ:
        os.environ["LD_PRELOAD"] = os.environ["TYPIST_PRELOAD"]
    os.execvp(sys.argv[2], sys.argv[2:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM) if child > 0 else None)
shown, at, secrets, open_end = b"", 0, [], True


def look(wait):
    """More of the screen; False once nothing has the terminal open."""
    global shown, open_end
    if open_end and select.select([terminal], [], [], wait)[0]:
        try:
            some = os.read(terminal, 4096)
        except OSError:
            some = b""
        screen.write(some)
        shown += some
        open_end = bool(some)
    return open_end


os.close(line)
for pattern, reply in steps:
    until = time.monotonic() + 120
    if pattern.startswith("/"):
        while not os.path.exists(pattern) and look(0.05) and time.monotonic() < until:
            pass
    else:
        while shown.find(pattern.encode(), at) < 0 and look(1) and time.monotonic() < until:
            pass
        found = shown.find(pattern.encode(), at)
        if found < 0:
            screen.write(b"\nNEVER SHOWN: " + pattern.encode() + b"\n")
            if child > 0:
                os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
            sys.exit(98)
        at = found + len(pattern)
    if reply == "-HANGUP":
        os.close(terminal)
        terminal, open_end = -1, False
        break
    if reply == "-KEY":
        os.write(terminal, b"x")
        continue
    if reply.startswith("^"):
        os.write(terminal, bytes([ord(reply[1]) - 64]))
        continue
    if reply.startswith("!"):
        reply = reply[1:]
        secrets.append(reply.encode())
        for _ in range(6000):  # some ask first, and turn the echo off then
            if not termios.tcgetattr(terminal)[3] & termios.ECHO:
                break
            time.sleep(0.01)
    os.write(terminal, reply.encode() + b"\n")
while look(1):
    pass
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(99 if any(s in shown for s in secrets) else status if status >= 0 else 128 - status)
