"""A client of roomd, written from docs/protocol.md alone.

It speaks the JSON dialect over one WebSocket. When the connection breaks it resumes its session, or joins
its rooms again where it left off: `events` yields every message once and in order. A client is used by one
thread at a time, and a command returns when the server has replied.

    with Client("ws://127.0.0.1:8000", user="Ada") as ada:
        ada.join("general")
        ada.publish("general", "Good morning")
        for event in ada.events():
            print(event)

Needs Python 3.10 and `websockets` 14 or later (PyPI), which frames, pings, and notices a dead connection.
"""

import collections
import contextlib
import dataclasses
import itertools
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

# The closes after which a client does not reconnect (section 3, "Errors and closes").
FINAL = {1000, 1002, 1003, 1007, 1009, 4401, 4403, 4409}


class Refused(Exception):
    """An error of the server: `code` is for programs, the text for people, `retry_after` in seconds."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.error, self.code = error, error["code"]
        self.retry_after = error.get("retry_after_ms", 0) / 1000


class Disconnected(Exception):
    """The connection has ended for good, or it broke before the reply to a command that cannot be repeated."""


@dataclasses.dataclass
class Position:
    """Where the client stands in a room or a private conversation."""

    epoch: str | None = None
    joined_at: int = 0  # the room's newest message when it was joined
    seq: int = 0  # the newest message seen; 0: none
    joined: bool = False


def claim(http, name, token=None):
    """Registers `name`, or renews its `token`, at `http://HOST:PORT`; returns the new token."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"{http}/api/v1/claims", json.dumps({"name": name}).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)["token"]
    except urllib.error.HTTPError as refusal:
        raise Refused(json.load(refusal)["error"]) from None


class Client:
    """One user's connection to `server`, `ws://HOST:PORT` or `wss://HOST:PORT`. The user is the token's, or
    the guest `user`, or a guest whose name the server chooses. Gives up when it cannot reconnect for
    `patience` seconds."""

    def __init__(self, server, user=None, token=None, patience=60.0):
        self._server, self._name, self._token, self._patience = server, user, token, patience
        self._ids = itertools.count(1)
        self._events = collections.deque()
        self._positions = collections.defaultdict(Position)
        self._goodbye = {}
        self._connection = contextlib.ExitStack()
        self._open(anonymous=False)
        self.user, self._secret = self.welcome["user"], self.welcome.get("resume")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def call(self, type, **fields):
        """Sends any command that has a reply, and returns the reply. Raises `Refused` and `Disconnected`.

        If the connection breaks meanwhile, a command with a `mid` is sent again: the server stores the
        message once. Other commands may have taken effect or not, which is for the caller to find out.
        """
        while True:
            try:
                return self._ask(type, fields, self._deliver)
            except ConnectionClosed as closed:
                self._reconnect(closed)
                if "mid" not in fields:
                    raise Disconnected(f"the connection broke before the reply to {type}") from closed

    def tell(self, type, **fields):
        """Sends a command that has no reply. An error is among the events; a break may lose the command."""
        try:
            self._send({"type": type, **fields})
        except ConnectionClosed as closed:
            self._reconnect(closed)
            self._send({"type": type, **fields})

    def join(self, room, **fields):
        """Enters a room. `history=N`: the newest N messages come first; `since={"epoch", "seq"}`: those after it."""
        return self.call("join", room=room, **fields)

    def leave(self, room):
        return self.call("leave", room=room)

    def publish(self, room, message, **fields):
        """Sends a message; when this returns, it is stored, exactly once, as number `seq` of the reply."""
        return self.call("message", room=room, message=message, **{"mid": str(uuid.uuid4()), **fields})

    def private(self, to, message, **fields):
        return self.call("private", to=to, message=message, **{"mid": str(uuid.uuid4()), **fields})

    def received(self, room, seq):
        self.tell("received", room=room, seq=seq)

    def read(self, room, seq):
        self.tell("read", room=room, seq=seq)

    def history(self, room, after=0):
        """Yields the messages after number `after`, oldest first; the server is asked page by page."""
        complete = False
        while not complete:
            page = self.call("history", room=room, after=after, limit=300)
            yield from page["messages"]
            complete = page["complete"]
            after = page["messages"][-1]["seq"] if page["messages"] else after

    def events(self, timeout=None):
        """Yields the events in order, among them `resumed` and `joined` after an interruption, which tell
        whether messages were lost. Ends when there was none for `timeout` seconds."""
        while True:
            if self._events:
                yield self._events.popleft()
                continue
            try:
                self._deliver(self._receive(timeout))
            except TimeoutError:
                return
            except ConnectionClosed as closed:
                self._reconnect(closed)

    def _open(self, anonymous):
        query, headers = {"format": "json"}, {}
        if self._token and not anonymous:
            headers["Authorization"] = f"Bearer {self._token}"
        elif self._name and not anonymous:
            query["user"] = self._name
        address = f"{self._server}/ws?{urllib.parse.urlencode(query)}"
        self._connection.close()
        opening = connect(address, additional_headers=headers, compression=None, max_size=None)
        self._socket = self._connection.enter_context(opening)
        self.welcome = self._receive()

    def _send(self, command):
        self._socket.send(json.dumps(command, ensure_ascii=False))

    def _receive(self, timeout=None):
        return json.loads(self._socket.recv(timeout))

    def _ask(self, type, fields, aside):
        """The reply to a command; what comes before it goes to `aside`."""
        command = {"type": type, "id": next(self._ids), **fields}
        self._send(command)
        while (event := self._receive()).get("id") != command["id"]:
            aside(event)
        if event["type"] == "error":
            raise Refused(event)
        self._note(event)
        return event

    def _deliver(self, event):
        if event["type"] == "goodbye":
            self._goodbye = event
        elif self._note(event):
            self._events.append(event)

    def _note(self, event):
        """Keeps the positions. False for a message that has been delivered before."""
        kind, room = event["type"], event.get("room")
        if kind in ("message", "private"):
            position = self._positions[room]
            if event["seq"] <= position.seq:
                return False
            position.seq = event["seq"]
        elif kind in ("joined", "sent", "history"):
            self._note_epoch(room, event["epoch"])
            if kind == "joined":
                self._positions[room].joined, self._positions[room].joined_at = True, event["seq"]
        elif kind in ("left", "ended") or (kind == "removed" and event["user"] == self.user):
            self._positions.pop(room, None)
        return True

    def _note_epoch(self, room, epoch):
        """In another epoch the numbers of a room begin again."""
        if self._positions[room].epoch not in (None, epoch):
            self._positions[room].seq = 0
        self._positions[room].epoch = epoch

    def _reconnect(self, closed):
        again = closed.rcvd is None or closed.rcvd.code not in FINAL
        goodbye, self._goodbye = self._goodbye, {}
        if not goodbye.get("reconnect", again):
            raise Disconnected(goodbye.get("reason", str(closed))) from closed
        pause, until = goodbye.get("retry_after_ms", 0) / 1000, time.monotonic() + self._patience
        while True:
            time.sleep(pause)
            try:
                return self._resume()
            except (ConnectionClosed, InvalidHandshake, OSError) as failure:
                if isinstance(failure, InvalidStatus) and failure.response.status_code not in (429, 503):
                    raise Disconnected(failure.response.body.decode()) from failure
                pause = random.uniform(0.5, 1) * min(max(0.2, 2 * pause), 5)
                if time.monotonic() + pause > until:
                    raise Disconnected(f"not reached for {self._patience} s") from failure

    def _resume(self):
        """Continues the session on a new connection: under no name of its own, so that nothing can come
        before the replay that belongs after it."""
        if not self._secret:
            return self._join_again()
        self._open(anonymous=True)
        rooms = {room: {"epoch": at.epoch, "seq": at.seq} for room, at in self._positions.items() if at.epoch and at.seq}
        try:
            resumed = self._ask("resume", {"resume": self._secret, "rooms": rooms}, lambda event: None)
        except Refused as refusal:
            if refusal.code != "session_expired":
                raise Disconnected(str(refusal)) from refusal
            return self._join_again()
        self._secret = resumed.get("resume")
        for room, state in resumed["rooms"].items():
            if "epoch" in state:
                self._note_epoch(room, state["epoch"])
            else:  # The session is in it no longer.
                self._positions.pop(room, None)
        self._events.append(resumed)

    def _join_again(self):
        """Begins a session in the rooms of the one that has expired, each from where it was."""
        self._secret, events = None, []
        self._open(anonymous=False)
        for room, at in list(self._positions.items()):
            try:
                if at.joined:
                    since = {"epoch": at.epoch, "seq": at.seq or at.joined_at}
                    events.append(self._ask("join", {"room": room, "since": since}, events.append))
                    continue
                # What was missed of a private conversation goes before what happens meanwhile.
                missed, after, complete = [], at.seq, False
                while not complete:
                    page = self._ask("history", {"room": room, "after": after, "limit": 300}, events.append)
                    missed += [{"type": "private", **message} for message in page["messages"]]
                    complete, after = page["complete"], missed[-1]["seq"] if missed else after
                events[:0] = missed
            except Refused as refusal:
                self._positions.pop(room)
                events.append({**refusal.error, "room": room})
        self.user, self._secret = self.welcome["user"], self.welcome.get("resume")
        for event in events:
            self._deliver(event)
