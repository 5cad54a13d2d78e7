"""relay.py LISTEN TO HOW TYPE: a line that hurts one kind of message, in a frame that is whole.

Both are UNIX sockets; TYPE is the first byte of the payload that is hurt. What the terminal says goes through as it is.
HOW: same; long (zeros beyond what any frame holds); twice (all its fields again); missing:AT:N (without N bytes from AT on);
byte:AT:N (that one is N). AT counts from the type.
"""
import os, socket, sys, threading, zlib

LONGEST = 2560  # LINK_PAYLOAD of protocol/link.h


def hurt(payload, how, *numbers):
    at, n = [int(x) for x in numbers] or (0, 0)
    return {"same": payload,
            "long": payload + bytes(LONGEST + 1 - len(payload)),
            "twice": payload + payload[1:],
            "missing": payload[:at] + payload[at + n:],
            "byte": payload[:at] + bytes([n]) + payload[at + 1:]}[how]


def on_the_wire(body):
    body += zlib.crc32(body).to_bytes(4, "little")
    return b"\x7e" + body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e") + b"\x7e"


def to_terminal(host, terminal, how, kind):
    rest = b""
    while got := host.recv(65536):
        *frames, rest = (rest + got).split(b"\x7e")
        for frame in filter(None, frames):
            body = frame.replace(b"\x7d\x5e", b"\x7e").replace(b"\x7d\x5d", b"\x7d")[:-4]
            if body[7:8] == bytes([kind]):
                body = body[:7] + hurt(body[7:], *how)
            terminal.sendall(on_the_wire(body))
    terminal.close()


def to_host(host, terminal):
    try:
        while got := terminal.recv(65536):
            host.sendall(got)
    except OSError:
        pass
    host.close()


listen, to, how, kind = sys.argv[1:]
door = socket.socket(socket.AF_UNIX)
if os.path.exists(listen):
    os.unlink(listen)
door.bind(listen)
door.listen()
print("relay: listening", flush=True)
while True:
    host, terminal = door.accept()[0], socket.socket(socket.AF_UNIX)
    terminal.connect(to)
    threading.Thread(target=to_host, args=[host, terminal], daemon=True).start()
    to_terminal(host, terminal, how.split(":"), int(kind))
