"""A bot on PyPI's `irc`: with_irc.py PORT NICK TOKEN. Exits 0 when it has said, heard and read what it should."""
import sys

import irc.client

CHANNEL = "#libraries"
port, nick, token = int(sys.argv[1]), sys.argv[2], sys.argv[3]
reactor = irc.client.Reactor()
connection = reactor.server().connect("127.0.0.1", port, nick, password=token, sasl_login=nick)
seen = set()


def welcome(connection, event):
    connection.cap("REQ", "draft/chathistory", "server-time", "message-tags")
    connection.join(CHANNEL)


def joined(connection, event):
    connection.privmsg(CHANNEL, f"hello from {nick}")


def said(connection, event):
    text = event.arguments[0]
    if text == f"hello {nick}":
        seen.add("heard")
        connection.send_raw(f"CHATHISTORY LATEST {CHANNEL} * 50")
    elif text == f"hello from {nick}":
        # Its own message comes back with the history alone.
        assert any(tag["key"] == "msgid" for tag in event.tags), event.tags
        connection.quit("done")
        sys.exit(0 if "heard" in seen else 1)


connection.add_global_handler("welcome", welcome)
connection.add_global_handler("endofnames", joined)
connection.add_global_handler("pubmsg", said)
connection.add_global_handler("disconnect", lambda connection, event: sys.exit(f"disconnected: {event.arguments}"))
reactor.process_forever()
