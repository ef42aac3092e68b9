"""A bot that answers `!ping NAME`: it is told by a webhook, and speaks over HTTP. Needs `standardwebhooks` (PyPI).

    ROOMD=http://127.0.0.1:8000 SECRET=whsec_… python3 webhook_bot.py 9000
"""

import collections
import http.server
import json
import os
import sys
import urllib.request

from standardwebhooks import Webhook, WebhookVerificationError

seen = collections.deque(maxlen=10_000)


class Bot(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        try:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told = Webhook(os.environ["SECRET"]).verify(body, dict(self.headers))
            self.answer(told["data"], self.headers["webhook-id"])
            self.send_response(204)
        except WebhookVerificationError:
            self.send_response(400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, said, mid):
        if mid not in seen and said.get("message", "").startswith("!ping "):
            where = f"{os.environ['ROOMD']}/api/v1/rooms/{said['room']}/messages"
            reply = {"message": f"pong {said['message'][6:]}", "user": "bot", "mid": mid, "reply_to": said["seq"]}
            urllib.request.urlopen(urllib.request.Request(where, json.dumps(reply).encode(), {"Content-Type": "application/json"}))
        seen.append(mid)


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Bot)
    print(server.server_port, flush=True)
    server.serve_forever()
