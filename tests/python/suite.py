"""What tests/python/run runs: examples/python/roomd.py against a real server.

Each test has a server of its own, on a port that the system chooses, and a file of its own. A client whose
connection is to break reaches the server through a relay.
"""

import collections
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "examples/python"))
from roomd import Client, Disconnected, Refused, claim  # noqa: E402
from websockets.exceptions import InvalidStatus  # noqa: E402

ROOMD = os.environ.get("ROOMD", "target/debug/roomd")
DEADLINE = 30.0


class Server:
    """roomd on a file, which can be stopped and started."""

    def __init__(self, folder, *options):
        self._command = [ROOMD, "serve", "--listen", "127.0.0.1:0", "--lines", "off", "--data", f"{folder}/roomd.db"]
        self._command += options
        self._log = open(f"{folder}/roomd.log", "a")
        self.start()

    def start(self, *options):
        self._process = subprocess.Popen([*self._command, *options], stdout=subprocess.PIPE, stderr=self._log, text=True)
        for line in self._process.stdout:
            if found := re.search(r"http://(127\.0\.0\.1):(\d+)", line):
                self.address = (found[1], int(found[2]))
                return
        raise AssertionError("the server did not say that it listens")

    def stop(self, how=signal.SIGTERM):
        self._process.send_signal(how)
        self._process.wait(DEADLINE)
        self._process.stdout.close()

    def close(self):
        if self._process.poll() is None:
            self.stop()
        self._log.close()

    @property
    def url(self):
        return "ws://{}:{}".format(*self.address)

    @property
    def http(self):
        return "http://{}:{}".format(*self.address)


class Relay:
    """Passes bytes on to the server until it is told to cut, as a cable does: without a close frame."""

    def __init__(self, server):
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = []
        self.cut_at_reply = False  # the next bytes from the server are lost, and the connection with them
        self.url = "ws://{}:{}".format(*self._listener.getsockname())
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._server.address)
                except OSError:
                    client.close()
                    continue
                self._sockets += [client, server]
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.cut_at_reply and source.getpeername() == self._server.address:
                    self.cut_at_reply = False
                    break
                sink.sendall(data)
        self._end(source, sink)

    def _end(self, *sockets):
        for end in sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        self._end(*self._sockets)

    def close(self):
        self._end(self._listener)
        for end in (self._listener, *self._sockets):
            end.close()


class Case(unittest.TestCase):
    options = ("--rate-per-s", "0")

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.server = self.enterContext(contextlib.closing(Server(folder, *self.options)))

    def relay(self):
        return self.enterContext(contextlib.closing(Relay(self.server)))

    def client(self, *arguments, url=None, **named):
        return self.enterContext(Client(url or self.server.url, *arguments, patience=DEADLINE, **named))

    def registered(self, name, url=None):
        return self.client(token=claim(self.server.http, name), url=url)

    def wait(self, client, kind, **fields):
        """The next event of this type with these fields; those before it are skipped."""
        for event in client.events(DEADLINE):
            if event["type"] == kind and all(event.get(name) == value for name, value in fields.items()):
                return event
        self.fail(f"{client.user} received no {kind} with {fields}")

    def texts(self, client, last):
        """The texts of the messages, by room, until each of these rooms has had one that reads `last`."""
        texts = collections.defaultdict(list)
        for event in client.events(DEADLINE):
            if event["type"] in ("message", "private"):
                texts[event["room"]].append(event["message"])
                if all(texts[room][-1:] == [last] for room in self.rooms):
                    return texts
        self.fail(f"{client.user} did not receive {last!r} everywhere, only {texts}")

    @contextlib.contextmanager
    def refused(self, code):
        with self.assertRaises(Refused) as caught:
            yield
        self.assertEqual(caught.exception.code, code)


class Talking(Case):
    rooms = ["general"]

    def test_a_message_is_acknowledged_and_reaches_everybody_in_one_order(self):
        ada, bob = self.client("Ada"), self.client("Bob")
        joined = ada.join("general")
        self.assertEqual((joined["seq"], joined["members"], joined["recovered"]), (0, ["Ada"], True))
        bob.join("general")
        self.wait(ada, "join", user="Bob")
        for number in range(1, 4):
            sent = (ada, bob)[number % 2].publish("general", f"m{number}", mid=f"mid-{number}")
            self.assertEqual((sent["seq"], sent["mid"], sent["duplicate"]), (number, f"mid-{number}", False))
        for client in (ada, bob):
            self.assertEqual(self.texts(client, "m3")["general"], ["m1", "m2", "m3"])
        again = bob.publish("general", "m1 once more", mid="mid-1")
        self.assertEqual((again["seq"], again["duplicate"]), (1, True))
        bob.leave("general")
        self.assertEqual(self.wait(ada, "leave")["user"], "Bob")

    def test_a_refusal_says_why_and_the_connection_continues(self):
        ada = self.client("Ada")
        with self.refused("not_member"):
            ada.publish("general", "hello?")
        ada.join("general")
        with self.refused("bad_request"):
            ada.join("general")
        with self.refused("unknown_type"):
            ada.call("dance")
        with self.refused("not_found"):
            ada.publish("general", "yes", reply_to=7)
        self.assertEqual(ada.publish("general", "still here")["seq"], 1)

    def test_the_history_is_read_page_by_page(self):
        ada, bob = self.client("Ada"), self.client("Bob")
        ada.join("general")
        texts = [f"message {number}" for number in range(1, 702)]
        for text in texts:
            ada.publish("general", text)
        ada.call("edit", room="general", seq=1, message="the first")
        ada.call("delete", room="general", seq=2)
        with self.refused("not_member"):
            next(bob.history("general"))
        bob.join("general", history=0)
        first, second, *rest = bob.history("general")
        self.assertEqual((first["message"], "edited" in first), ("the first", True))
        self.assertEqual((second["seq"], second["deleted"], "message" in second), (2, True, False))
        self.assertEqual([message["message"] for message in rest], texts[2:])
        self.assertEqual([message["seq"] for message in bob.history("general", after=699)], [700, 701])
        newest = bob.call("history", room="general", limit=2)
        self.assertEqual(([message["seq"] for message in newest["messages"]], newest["complete"]), ([700, 701], False))


class Receipts(Case):
    rooms = ["general"]

    def test_the_author_learns_who_received_a_message_and_who_read_it(self):
        ada, bob = self.client("Ada"), self.client("Bob")
        ada.join("general")
        bob.join("general")
        ada.publish("general", "one")
        seq = ada.publish("general", "two")["seq"]
        self.texts(bob, "two")
        self.wait(ada, "receipt", user="Bob", status="written", seq=seq)
        bob.received("general", seq)
        self.wait(ada, "receipt", user="Bob", status="received", seq=seq)
        bob.read("general", seq)
        self.wait(ada, "receipt", user="Bob", status="read", seq=seq)
        self.assertEqual(self.client("Bob").join("general")["read"], seq)
        bob.read("general", 99)
        self.assertEqual(self.wait(bob, "error")["code"], "not_found")

    def test_receipts_of_a_private_message_wait_for_an_author_whose_connection_is_broken(self):
        relay = self.relay()
        ada, bob = self.client("Ada", url=relay.url), self.client("Bob")
        sent = ada.private("Bob", "psst")
        self.wait(bob, "private")
        relay.cut()
        bob.read(sent["room"], sent["seq"])
        bob.call("ping")
        self.wait(ada, "resumed")
        self.wait(ada, "receipt", room=sent["room"], user="Bob", status="read", seq=sent["seq"])


class Interrupted(Case):
    rooms = ["general", "plans", "dm:Ada:Bob"]

    def test_a_resumed_client_misses_nothing_and_receives_nothing_twice(self):
        relay = self.relay()
        ada, bob = self.registered("Ada", relay.url), self.registered("Bob")
        for client in (ada, bob):
            client.join("general")
            client.join("plans")
        sent, heard = [], collections.defaultdict(list)
        for number in range(100):
            sent.append(f"message {number}")
            bob.publish("general", sent[-1])
            bob.publish("plans", sent[-1])
            bob.private("Ada", sent[-1])
            if number % 10 == 4:
                relay.cut()
            if number % 20 == 19:  # Two interruptions, of which the client has not heard yet.
                for room, texts in self.texts(ada, sent[-1]).items():
                    heard[room] += texts
        self.assertEqual(heard, {room: sent for room in self.rooms})

    def test_nobody_is_told_of_an_interruption_and_resumed_has_the_verdict(self):
        relay = self.relay()
        ada, bob = self.client("Ada", url=relay.url), self.client("Bob")
        ada.join("general")
        bob.join("general")
        bob.publish("general", "before")
        self.wait(ada, "message")
        relay.cut()
        bob.publish("general", "meanwhile")
        bob.call("edit", room="general", seq=1, message="before, I said")
        state = self.wait(ada, "resumed")["rooms"]["general"]
        self.assertEqual((state["recovered"], state["missed"], state["seq"]), (True, 1, 2))
        self.assertEqual(self.wait(ada, "edit")["message"], "before, I said")
        self.assertEqual(self.wait(ada, "message")["message"], "meanwhile")
        ada.publish("general", "back")
        kinds = []
        for event in bob.events(DEADLINE):
            kinds.append(event["type"])
            if event.get("message") == "back":
                break
        self.assertNotIn("leave", kinds)
        self.assertNotIn("join", kinds)

    def test_a_message_whose_reply_was_lost_is_stored_once(self):
        relay = self.relay()
        ada = self.client("Ada", url=relay.url)
        ada.join("general")
        relay.cut_at_reply = True
        sent = ada.publish("general", "once")
        self.assertEqual((sent["seq"], sent["duplicate"]), (1, True))
        self.assertEqual([message["message"] for message in ada.history("general")], ["once"])
        ada.publish("general", "twice")
        received = [self.wait(ada, "message")["message"] for _ in range(2)]
        self.assertEqual(received, ["once", "twice"])

    def test_a_command_whose_reply_was_lost_is_not_repeated(self):
        relay = self.relay()
        ada = self.client("Ada", url=relay.url)
        relay.cut_at_reply = True
        with self.assertRaises(Disconnected):
            ada.call("time")
        self.assertEqual(ada.call("rooms")["rooms"], [])

    def test_after_a_restart_the_rooms_are_joined_again_where_the_client_was(self):
        relay = self.relay()
        ada, bob = self.registered("Ada", relay.url), self.registered("Bob", relay.url)
        for client in (ada, bob):
            client.join("general")
            client.join("plans")
        for how in (signal.SIGTERM, signal.SIGKILL):
            text = f"before {how.name}"
            bob.publish("general", text)
            bob.publish("plans", text)
            bob.private("Ada", text)
            self.assertEqual(self.texts(ada, text), {room: [text] for room in self.rooms})
            self.server.stop(how)
            self.server.start()
            text = f"after {how.name}"
            bob.publish("general", text)
            bob.publish("plans", text)
            bob.private("Ada", text)
            self.assertEqual(self.texts(ada, text), {room: [text] for room in self.rooms})

    def test_a_client_that_another_connection_has_replaced_does_not_come_back(self):
        ada = self.client("Ada")
        other = self.client("Ada")
        other._secret = ada._secret
        other._socket.socket.shutdown(socket.SHUT_RDWR)
        self.wait(other, "resumed")
        with self.assertRaisesRegex(Disconnected, "replaced"):
            self.wait(ada, "never")


class WithoutSessions(Interrupted):
    """The same promises where the server keeps no session: `join` with `since` is then all there is."""

    options = ("--rate-per-s", "0", "--grace", "0")
    test_nobody_is_told_of_an_interruption_and_resumed_has_the_verdict = None
    test_a_client_that_another_connection_has_replaced_does_not_come_back = None


class Private(Case):
    def test_both_users_hear_a_private_message_on_every_connection_and_nobody_else(self):
        ada, bob, phone, cleo = (self.client(name) for name in ("Ada", "Bob", "Bob", "Cleo"))
        sent = ada.private("Bob", "psst")
        for client in (ada, bob, phone):
            event = self.wait(client, "private")
            self.assertEqual((event["user"], event["to"], event["message"]), ("Ada", "Bob", "psst"))
            self.assertEqual((event["room"], event["seq"]), (sent["room"], sent["seq"]))
        bob.private("Ada", "what is it?", reply_to=sent["seq"])
        self.assertEqual([message["message"] for message in ada.history(sent["room"])], ["psst", "what is it?"])
        with self.refused("not_member"):
            next(cleo.history(sent["room"]))
        self.assertEqual([event for event in cleo.events(0)], [])

    def test_a_message_to_a_registered_user_who_is_away_waits(self):
        ada, token = self.registered("Ada"), claim(self.server.http, "Bob")
        for number in range(3):
            ada.private("Bob", f"letter {number}")
        bob = self.client(token=token)
        self.assertEqual([self.wait(bob, "private")["message"] for _ in range(3)], [f"letter {n}" for n in range(3)])
        with self.refused("user_offline"):
            ada.private("nobody", "hello?")
        with self.refused("bad_request"):
            ada.private("Ada", "dear diary")


class Groups(Case):
    def test_a_private_room_is_for_the_users_on_its_list(self):
        ada, bob, cleo = (self.registered(name) for name in ("Ada", "Bob", "Cleo"))
        ada.call("create", room="den", private=True, members=["Bob"])
        ada.join("den")
        with self.refused("forbidden"):
            cleo.join("den")
        self.assertEqual(cleo.call("rooms")["rooms"], [])
        bob.join("den")
        with self.refused("forbidden"):
            bob.call("invite", room="den", user="Cleo")
        ada.call("role", room="den", user="Bob", role="moderator")
        self.assertEqual(self.wait(bob, "role")["role"], "moderator")
        bob.call("invite", room="den", user="Cleo")
        self.assertEqual(self.wait(cleo, "invited")["by"], "Bob")
        cleo.join("den")
        cleo.publish("den", "thank you")
        bob.call("mute", room="den", user="Cleo", for_s=60)
        with self.refused("muted"):
            cleo.publish("den", "but")
        ada.call("remove", room="den", user="Cleo", note="a party")
        removed = self.wait(cleo, "removed")
        self.assertEqual((removed["by"], removed["reason"], removed["note"]), ("Ada", "removed", "a party"))
        with self.refused("not_member"):
            cleo.publish("den", "hello?")
        ada.call("end", room="den")
        self.wait(bob, "ended", room="den")

    def test_who_was_removed_during_an_interruption_is_told_so(self):
        relay = self.relay()
        ada, bob = self.registered("Ada"), self.registered("Bob", relay.url)
        ada.call("create", room="den", private=True, members=["Bob"])
        for client in (ada, bob):
            client.join("den")
        relay.cut()
        ada.call("remove", room="den", user="Bob")
        ada.publish("den", "a secret")
        state = self.wait(bob, "resumed")["rooms"]["den"]
        self.assertEqual((state["recovered"], state["reason"]), (False, "removed"))
        bob.call("ping")
        self.assertEqual([event for event in bob.events(0)], [])

    def test_a_server_without_guests_wants_a_token_and_a_session_resumes_without_one(self):
        token = claim(self.server.http, "Ada")
        self.server.stop()
        self.server.start("--guests", "off")
        with self.assertRaises(InvalidStatus):
            self.client("Ada")
        relay = self.relay()
        ada = self.client(token=token, url=relay.url)
        ada.join("general")
        relay.cut()
        self.assertEqual(self.wait(ada, "resumed")["user"], "Ada")


if __name__ == "__main__":
    unittest.main()
