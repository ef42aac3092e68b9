"""What tests/hooks/run runs: other people's software against a real server.

Each test has a server of its own, on a port that the system chooses, and a file of its own.
"""

import contextlib
import datetime
import http.server
import json
import os
import pathlib
import queue
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import apprise
from slack_sdk.webhook import WebhookClient
from standardwebhooks import Webhook

ROOMD = os.environ.get("ROOMD", "target/debug/roomd")
ROOT = pathlib.Path(__file__).parents[2]
DEADLINE = 30.0


def started(command, pattern, **options):
    """A process, and what the pattern finds in a line of its output; the rest of the output is read and dropped."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    for line in process.stdout:
        if found := re.search(pattern, line):
            return process, found[1]
    raise AssertionError(f"{command[0]} did not say {pattern}")


class Relay:
    """An address that is known before the receiver behind it, since a receiver starts with the secret of its webhook."""

    def __init__(self, exits):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:{}/".format(self.socket.getsockname()[1])
        exits.callback(self.socket.close)

    def to(self, port):
        threading.Thread(target=self.accept, args=[port], daemon=True).start()

    def accept(self, port):
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.socket.accept()
                other = socket.create_connection(("127.0.0.1", port))
                for ends in (one, other), (other, one):
                    threading.Thread(target=self.copy, args=ends, daemon=True).start()

    @staticmethod
    def copy(source, to):
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                to.sendall(part)
            to.shutdown(socket.SHUT_WR)


class Case(unittest.TestCase):
    def setUp(self):
        self.exits = self.enterContext(contextlib.ExitStack())
        self.folder = self.exits.enter_context(tempfile.TemporaryDirectory())

    def run_until_end(self, command, pattern, **options):
        process, found = started(command, pattern, **options)
        self.exits.callback(lambda: (process.kill(), process.wait(), process.stdout.close()))
        return process, found

    def serve(self, *options, **environment):
        command = [ROOMD, "serve", "--listen", "127.0.0.1:0", "--lines", "off", "--data", f"{self.folder}/roomd.db"]
        log = self.exits.enter_context(open(f"{self.folder}/roomd.log", "a"))
        self.server, self.url = self.run_until_end(
            [*command, *options], r"(http://127\.0\.0\.1:\d+)", stderr=log, env=os.environ | environment
        )

    def roomd(self, *arguments):
        done = subprocess.run(
            [ROOMD, *arguments, "--data", f"{self.folder}/roomd.db"], capture_output=True, text=True, timeout=DEADLINE
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def ask(self, path, body=None, **fields):
        request = urllib.request.Request(self.url + path, body and body.encode(), fields)
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.read().decode()

    def say(self, text):
        self.ask("/api/v1/rooms/ops/messages?user=Ann", text, **{"Content-Type": "text/plain; charset=utf-8"})

    def messages(self, count):
        """The messages of the room, when there are so many."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            with contextlib.suppress(urllib.error.HTTPError):
                found = json.loads(self.ask("/api/v1/rooms/ops/messages"))["messages"]
                if len(found) >= count:
                    return found
            time.sleep(0.05)
        raise AssertionError(f"there are no {count} messages in time")


class Webhooks(Case):
    SAID = ["one", "zwei \u00fc\u4e2d\U0001f600", "a \"quoted\" \\ line\nand another", "."]

    def told(self):
        """What is said, with what a webhook is told of it."""
        for text in self.SAID:
            self.say(text)

    def test_the_bot_in_python_verifies_and_answers(self):
        self.serve("--webhook-allow", "127.0.0.1")
        relay = Relay(self.exits)
        secret = self.roomd("webhook", "add", relay.url, "--room", "ops")
        bot = [sys.executable, "-B", ROOT / "examples/python/webhook_bot.py", "0"]
        environment = os.environ | {"SECRET": secret, "ROOMD": self.url}
        _, port = self.run_until_end(bot, r"(\d+)", env=environment, stderr=subprocess.DEVNULL)
        relay.to(int(port))
        self.say("hello")
        self.say("!ping Ann")
        said = self.messages(3)
        self.assertEqual([(one["user"], one["message"]) for one in said][1:], [("Ann", "!ping Ann"), ("bot", "pong Ann")])
        self.assertEqual(said[2]["reply_to"], said[1]["seq"])
        # Whoever does not know the secret is not believed.
        forged = Webhook("whsec_" + "A" * 32).sign("msg_1", datetime.datetime.now(), "{}")
        fields = {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.time())), "webhook-signature": forged}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", b"{}", fields)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=DEADLINE)
        self.assertEqual(refused.exception.code, 400)

    def test_a_receiver_in_node_verifies(self):
        self.serve("--webhook-allow", "127.0.0.1")
        relay = Relay(self.exits)
        secret = self.roomd("webhook", "add", relay.url)
        node = ["node", ROOT / "target/hooks/receiver.mjs", "0"]
        process, port = self.run_until_end(node, r"(\d+)", env=os.environ | {"SECRET": secret})
        relay.to(int(port))
        self.told()
        told = [json.loads(process.stdout.readline()) for _ in self.SAID]
        self.assertEqual([one.get("data", one).get("message") for one in told], self.SAID)
        self.assertEqual({one["type"] for one in told}, {"message"})

    def test_a_receiver_behind_tls_is_told_if_its_certificate_is_trusted(self):
        certificate, key = f"{self.folder}/cert.pem", f"{self.folder}/key.pem"
        made = subprocess.run([ROOMD, "tls", "self-signed", "localhost", "--cert", certificate, "--key", key], timeout=DEADLINE)
        if made.returncode != 0:
            self.fail("no certificate")
        told = queue.Queue()

        class Receiver(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told.put((body, dict(self.headers)))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        self.exits.callback(lambda: (receiver.shutdown(), receiver.server_close()))
        url = f"https://localhost:{receiver.server_port}/"
        self.serve("--webhook-allow", "localhost", SSL_CERT_FILE="/dev/null")
        secret = self.roomd("webhook", "add", url, "--room", "ops")
        self.told()
        end = time.monotonic() + DEADLINE
        while ", last " not in (log := self.roomd("webhook", "log", "1")) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertRegex(log, "certificate|trust")
        self.assertTrue(told.empty())
        self.server.kill()
        self.server.wait()
        self.serve("--webhook-allow", "localhost", SSL_CERT_FILE=certificate)
        seen = [told.get(timeout=DEADLINE) for _ in self.SAID]
        verified = [Webhook(secret).verify(body, headers)["data"]["message"] for body, headers in seen]
        self.assertEqual(verified, self.SAID)


class Hooks(Case):
    def setUp(self):
        super().setUp()
        self.serve()
        self.hook = self.url + self.roomd("hook", "add", "ops", "--name", "CI")

    def said(self):
        message = self.messages(1)[0]
        return message["user"], message["message"]

    def test_slack_sdk_of_python(self):
        blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Build* <https://ci.example/7|7> failed"}}]
        answer = WebhookClient(self.hook).send(text="fallback", blocks=blocks)
        self.assertEqual((answer.status_code, answer.body), (200, "ok"))
        self.assertIn("7 (https://ci.example/7) failed", self.said()[1] + "")

    def test_slack_webhook_of_node(self):
        done = subprocess.run(["node", ROOT / "target/hooks/slack.mjs", self.hook], capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual((done.stdout.strip(), done.stderr), ("ok", ""))
        self.assertEqual(self.said(), ("CI", "from node (https://node.example)\nBuild 7\nfailed"))

    def test_apprise_as_mattermost(self):
        notify = apprise.Apprise()
        token = self.hook.rsplit("/", 1)[1]
        self.assertTrue(notify.add(f"mmost://Robot@{self.url.removeprefix('http://')}/{token}?image=no"))
        self.assertTrue(notify.notify(title="Backup", body="is done"))
        user, text = self.said()
        self.assertEqual(user, "Robot")
        self.assertRegex(text, r"Backup\W+is done")

    def test_alertmanager_of_prometheus(self):
        config = f"{self.folder}/alertmanager.json"
        receiver = {"api_url": self.hook, "channel": "#ops", "title": "{{ .CommonLabels.alertname }}", "text": "{{ .CommonAnnotations.summary }}"}
        pathlib.Path(config).write_text(json.dumps({
            "route": {"receiver": "roomd", "group_wait": "0s"},
            "receivers": [{"name": "roomd", "slack_configs": [receiver]}],
        }))
        command = ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={self.folder}/am"]
        command += ["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]
        _, address = self.run_until_end(command, r"address=(127\.0\.0\.1:\d+)", stderr=subprocess.STDOUT)
        alert = [{"labels": {"alertname": "DiskFull"}, "annotations": {"summary": "sda is at 99 %"}}]
        request = urllib.request.Request(f"http://{address}/api/v2/alerts", json.dumps(alert).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=DEADLINE).close()
        self.assertRegex(self.said()[1], r"(?s)DiskFull.*sda is at 99 %")


if __name__ == "__main__":
    unittest.main()
