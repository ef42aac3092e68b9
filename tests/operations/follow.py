"""Carries out docs/operations.md: each line with `#` as root, each with `$` as the server's user, in the order of the page.

    follow.py PROJECT

A line must succeed, or print an error of roomd that the page shows. What the page shows below a line must be what is printed, line by
line and in its order, numbers, times and names of epochs aside; where it shows nothing, anything may be printed.
"""

import re
import subprocess
import sys
import time

project = sys.argv[1]
# As the page says.
SERVER_USER = ["runuser", "-u", "roomd", "--", "env", "ROOMD_CONFIG=/etc/roomd/roomd.toml"]
# What only looks: the log and the status may come a moment after what they tell of.
LOOKS = ("journalctl ", "systemctl --no-pager status ", "curl --silent http")
PATIENCE_S = 30


def steps(page):
    """The commands with their lines and prompts, and what is shown below each."""
    step, found = None, []
    for number, line in enumerate(page, 1):
        text = line.rstrip("\n")
        if not text.startswith("    "):
            step = None
        elif text[4:6] in ("# ", "$ "):
            step = (number, text[4], text[6:], [])
            found.append(step)
        elif step is not None:
            step[3].append(text[4:])
    return found


def same(text):
    """A line without what differs each time: numbers with their units, and how often a space is repeated."""
    text = re.sub(r"\d[\dTZ:.µms-]*", "0", text)
    return re.sub(r"\s+", " ", text).strip()


def carry_out(prompt, command, shown):
    as_user = SERVER_USER if prompt == "$" else []
    folder = "/var/lib/roomd" if prompt == "$" else project
    done = subprocess.run(
        [*as_user, "bash", "-o", "pipefail", "-c", command],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
    )
    printed = done.stdout.splitlines()
    fails = any(line.startswith("roomd: ") for line in shown)
    if (done.returncode != 0) != fails:
        return f"ended with {done.returncode}: {done.stdout}"
    if shown and [same(line) for line in shown] != [same(line) for line in printed]:
        return "prints\n    " + "\n    ".join(printed) + "\nand the page shows\n    " + "\n    ".join(shown)
    return None


with open(f"{project}/docs/operations.md") as file:
    page = steps(file)
for step in page:
    print(f"{step[1]} {step[2]}", flush=True)
    until = time.monotonic() + PATIENCE_S
    while (wrong := carry_out(*step[1:])) and step[2].startswith(LOOKS) and time.monotonic() < until:
        time.sleep(0.1)
    if wrong:
        sys.exit(f"docs/operations.md:{step[0]}: {step[2]!r} {wrong}")
print(f"docs/operations.md: {len(page)} lines carried out")
