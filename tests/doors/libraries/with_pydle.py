"""A bot on PyPI's `pydle`: with_pydle.py PORT NICK TOKEN. Exits 0 when it has said, heard and read what it should."""
import asyncio
import sys

import pydle

CHANNEL = "#libraries"
port, nick, token = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Bot(pydle.Client):
    done = None

    async def on_capability_draft_chathistory_available(self, value):
        return True

    async def on_connect(self):
        await super().on_connect()
        await self.join(CHANNEL)

    async def on_join(self, channel, user):
        await super().on_join(channel, user)
        if user == nick:
            await self.message(channel, f"hello from {nick}")

    async def on_channel_message(self, target, by, message):
        if message == f"hello {nick}":
            assert self.channels[CHANNEL]["users"] >= {nick, "page"}, self.channels[CHANNEL]
            await self.rawmsg("CHATHISTORY", "LATEST", CHANNEL, "*", "50")
            self.has_asked = True
        elif message == f"hello from {nick}" and getattr(self, "has_asked", False):
            self.done.set()


async def main():
    bot = Bot(nick, sasl_username=nick, sasl_password=token, sasl_identity=nick)
    bot.done = asyncio.Event()
    await bot.connect("127.0.0.1", port, tls=False)
    await bot.done.wait()
    assert bot.nickname == nick, "the token names it"
    await bot.quit("done")


asyncio.run(main())
