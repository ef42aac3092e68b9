"""Starts a server, a client of its WebSocket door, and one bot after the other: conversation.py FOLDER_OF_LIBRARIES"""
import json
import os
import re
import subprocess
import sys
import tempfile

from websockets.sync.client import connect

PROGRAM = os.environ.get("ROOMD", "target/debug/roomd")
HERE = os.path.dirname(os.path.abspath(__file__))
BOT_SECONDS = 60


def serve(data):
    listen = ["--listen", "127.0.0.1:0", "--lines", "off", "--irc", "127.0.0.1:0"]
    server = subprocess.Popen([PROGRAM, "serve", *listen, "--data", data], stdout=subprocess.PIPE, text=True)
    ports = {}
    while len(ports) < 2:
        line = server.stdout.readline()
        assert line, "the server has ended"
        for name, pattern in [("irc", r"IRC on 127\.0\.0\.1:(\d+)"), ("http", r"http://127\.0\.0\.1:(\d+)")]:
            if found := re.search(pattern, line):
                ports[name] = int(found.group(1))
    return server, ports


def token(data, user):
    command = [PROGRAM, "token", "--user", user, "--data", data]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def answer(page, name):
    """Hears the bot, and greets it."""
    while True:
        event = json.loads(page.recv(timeout=BOT_SECONDS))
        if event["type"] == "message" and event["message"] == f"hello from {name}":
            break
    assert event["user"] == name, event
    page.send(json.dumps({"type": "message", "room": "libraries", "message": f"hello {name}"}))


def main(libraries):
    python = [f"{libraries}/python/bin/python", "-B"]
    bots = [
        ("irc", [*python, f"{HERE}/with_irc.py"]),
        ("pydle", [*python, f"{HERE}/with_pydle.py"]),
        ("framework", ["node", f"{HERE}/with_irc_framework.mjs"]),
    ]
    with tempfile.TemporaryDirectory(prefix="roomd-libraries-") as folder:
        data = f"{folder}/roomd.db"
        server, ports = serve(data)
        try:
            with connect(f"ws://127.0.0.1:{ports['http']}/ws?format=json&room=libraries&user=page") as page:
                for name, command in bots:
                    bot = subprocess.Popen([*command, str(ports["irc"]), name, token(data, name)], cwd=libraries)
                    try:
                        answer(page, name)
                        assert bot.wait(timeout=BOT_SECONDS) == 0, f"{name} has found a fault"
                    finally:
                        bot.kill()
                    print(f"{name}: as it should")
        finally:
            server.terminate()
            server.wait()


main(os.path.abspath(sys.argv[1]))
