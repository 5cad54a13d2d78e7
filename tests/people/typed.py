# Runs a command at a terminal of its own and types a line of standard input whenever it is asked for something there:
#   printf '%s\n' LINE... | typed.py COMMAND...
# Its standard output and error stay what they are; only /dev/tty is that terminal. SIGTERM goes to the command. Status 99:
# what was typed was shown. TYPED_AFTER=FILE in the environment: nothing is typed before that file is there.
import fcntl
import os
import pty
import signal
import sys
import termios
import time

lines = sys.stdin.buffer.read().splitlines()
terminal, line = pty.openpty()
child = os.fork()
if child == 0:
    os.setsid()
    os.close(terminal)
    fcntl.ioctl(line, termios.TIOCSCTTY, 0)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.set_inheritable(line, True)  # a terminal that nobody has open is gone
    os.execvp(sys.argv[1], sys.argv[1:])
os.close(line)
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM) if child > 0 else None)
shown, at, typed = b"", 0, []
while True:
    try:
        some = os.read(terminal, 4096)
    except OSError:
        break
    if not some:
        break
    shown += some
    asked = shown.find(b": ", at)
    if asked >= 0 and lines:
        at = asked + 2
        for _ in range(6000):  # some ask first, and turn the echo off then
            if not termios.tcgetattr(terminal)[3] & termios.ECHO:
                break
            time.sleep(0.01)
        while "TYPED_AFTER" in os.environ and not os.path.exists(os.environ["TYPED_AFTER"]):
            time.sleep(0.01)
        typed.append(lines.pop(0))
        os.write(terminal, typed[-1] + b"\n")
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(99 if any(t in shown for t in typed) else status if status >= 0 else 128 - status)
