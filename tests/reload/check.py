"""Reloads all settings of a running server, and back again, and looks whether they are in force.

    check.py ROOMD PROCESS OTHER

ROOMD is the program, PROCESS the number of the server's process, OTHER a file with another value of each setting. The server's
configuration is roomd.toml in this folder, its log roomd.log, and what it says at the start roomd.out.
"""

import base64
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request

roomd, process, other_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
PATIENCE_S = 60
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20}

with open("roomd.out") as file:
    out = file.read()
http = int(re.search(r"listening on https://127.0.0.1:(\d+)", out)[1])
metrics = int(re.search(r"https://127.0.0.1:(\d+)/metrics", out)[1])


def classes():
    """Each setting, by what a reload changes of it."""
    text = subprocess.run([roomd, "config"], check=True, capture_output=True, text=True).stdout
    entries = re.findall(r"; reload: (.*)\]\n(\w+) = ", text)
    names = {"restart": set(), "reload": set()}
    for reload, key in entries:
        names["restart" if reload == "needs a restart" else "reload"].add(key.replace("_", "-"))
    assert len(entries) > 60, "roomd config prints every setting"
    return names


def log_line(words, begin):
    """A line of the log with these words, from this byte on."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with open("roomd.log", "rb") as file:
            file.seek(begin)
            for line in file.read().decode().splitlines():
                if words in line:
                    return line
        time.sleep(0.05)
    sys.exit(f"the log does not say {words!r}")


def reload(settings):
    """Puts a file in force; where in the log it began."""
    begin = os.path.getsize("roomd.log")
    with open("roomd.toml", "w") as file:
        file.write(settings)
    os.kill(process, signal.SIGHUP)
    return begin


def named(line, field):
    return set(re.search(field + r"=(?:\"([^\"]*)\"|(.*?)(?= \w+=|$))", line).group(0).split("=", 1)[1].strip('"').split())


def context():
    # The certificate is compared with what it should be.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def get(path, port=http, **fields):
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", headers={k.replace("_", "-"): v for k, v in fields.items()})
    try:
        with urllib.request.urlopen(request, timeout=30, context=context()) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def welcome(token):
    """The first event of a new WebSocket."""
    with context().wrap_socket(socket.create_connection(("127.0.0.1", http), 30)) as client:
        key = base64.b64encode(os.urandom(16)).decode()
        client.sendall(
            f"GET /ws?format=json HTTP/1.1\r\nHost: 127.0.0.1:{http}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        stream = client.makefile("rb")
        assert b" 101 " in stream.readline(), "the upgrade"
        while stream.readline().strip():
            pass
        length = stream.read(2)[1]
        length = int.from_bytes(stream.read({126: 2, 127: 8}[length]), "big") if length > 125 else length
        return json.loads(stream.read(length))


def bytes_of(value):
    """A value of the file as a number."""
    number = re.match(r"(\d+)(\w*)$", str(value))
    return int(number[1]) * UNITS.get(number[2], 1)


def ms_of(value):
    """A time of the file in milliseconds."""
    return 1000 * int(value.removesuffix("s"))


def check_in_force(other, token):
    """What new clients find, by the other settings."""
    _, _, body = get("/chat/api/v1/server")
    server = json.loads(body)
    assert (server["name"], server["welcome"]) == (other["name"], other["welcome"]), server
    assert server["guests"] is False and server["claims"] is False, server
    assert server["logins"] == [{"id": "after", "label": "After"}], server
    assert get("/api/v1/rooms")[0] == 401, "guests are not let in"
    assert get("/echo")[0] == 426, "the route is there"
    headers = get("/api/v1/rooms", Origin=other["origin"][0], Authorization=f"Bearer {token}")[1]
    assert headers["Access-Control-Allow-Origin"] == other["origin"][0], headers
    with open(other["tls_cert"]) as file:
        assert ssl.get_server_certificate(("127.0.0.1", http)).split() == file.read().split(), "the certificate"
    told = welcome(token)
    limits = {
        "message_bytes": bytes_of(other["message_bytes"]),
        "rooms": other["rooms_per_connection"],
        "rate": {"burst": other["rate_burst"], "per_s": other["rate_per_s"]},
    }
    assert limits.items() <= told["limits"].items(), told
    assert (told["ping_ms"], told["pong_timeout_ms"]) == (ms_of(other["ping"]), ms_of(other["pong_timeout"])), told
    assert told["ice_servers"][0]["urls"] == other["ice_server"][0], told
    figures = get("/metrics", metrics)[2]
    for figure, name in [("connections_served_max", "connections_max"), ("rooms_max", "rooms_max"), ("outbox_bytes_max", "outbox_total")]:
        assert f"\nroomd_{figure} {bytes_of(other[name])}\n" in figures, (figure, other[name])


names = classes()
with open("before.toml") as file:
    before = file.read()
with open(other_file) as file:
    other_text = file.read()
token = subprocess.run([roomd, "token", "--user", "ops", "--admin"], check=True, capture_output=True, text=True).stdout.strip()

begin = reload(other_text)
changed = named(log_line("settings loaded anew", begin), "changed")
waiting = named(log_line("some settings change only when the server is started again", begin), "settings")
if (changed, waiting) != (names["reload"], names["restart"]):
    sys.exit(f"not reloaded: {names['reload'] ^ changed}; not named for a restart: {names['restart'] ^ waiting}")
check_in_force(tomllib.loads(other_text), token)
# What is logged at debug alone: a handshake that is none.
with socket.create_connection(("127.0.0.1", http), 30) as client:
    client.sendall(b"\x16\x03\x01\x00\x05hello")
    log_line("no handshake", begin)
print(f"{len(changed)} settings are in force, {len(waiting)} are named as those that need a restart")

begin = reload(before)
back = named(log_line("settings loaded anew", begin), "changed")
if back != changed:
    sys.exit(f"not taken back: {back ^ changed}")
assert json.loads(get("/api/v1/server")[2])["name"] == "roomd"
assert get("/api/v1/rooms")[0] == 200, "guests are let in again"
print("and all of them are as they were before")
