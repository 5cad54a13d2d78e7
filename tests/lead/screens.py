# Every screen in a log of bdk lead's keeps to so many columns and lines, up to where a command has its own dialogue:  screens.py LOG COLUMNS LINES KIND
import re
import sys

log, columns, lines = open(sys.argv[1], errors="replace").read(), int(sys.argv[2]), int(sys.argv[3])
kind, bad = sys.argv[4], 0
screens = [s for s in log.split("\033[H\033[2J") if re.search(r" token +\d{4}-\d\d-\d\d \d\d:\d\d UTC", s)]  # its own
for screen in screens:
    shown = []
    for line in re.sub(r"\033\[[0-9;]*m", "", screen).replace("\r", "").split("\n"):
        shown.append(line)
        if re.match(r"(\[.*\] )?> ", line) or line.startswith(("bdkd is asked.", "Passphrase of ")):
            break
    else:
        print("a screen without an end:", shown)
        bad += 1
    if len(shown) > lines or "UTC" not in "".join(shown[:4]) or any(len(line) > columns for line in shown[:-1]) or ("TEST" in shown[0]) != (kind == "test"):
        print(f"{len(shown)} lines:", *shown, sep="\n")
        bad += 1
print(len(screens), "screens")
sys.exit(bad > 0)
