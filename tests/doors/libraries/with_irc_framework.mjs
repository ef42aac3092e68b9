// A bot on npm's `irc-framework`: with_irc_framework.mjs PORT NICK TOKEN. Exits 0 when it has said, heard and read what
// it should. Run where irc-framework is installed.
import { createRequire } from "node:module";

const { Client } = createRequire(`${process.cwd()}/`)("irc-framework");
const CHANNEL = "#libraries";
const [port, nick, token] = process.argv.slice(2);
const bot = new Client({ enable_echomessage: true });
let asked = false;

bot.requestCap(["draft/chathistory", "labeled-response"]);
bot.connect({ host: "127.0.0.1", port: Number(port), nick, account: { account: nick, password: token } });
bot.on("registered", () => bot.join(CHANNEL));
bot.on("userlist", () => bot.say(CHANNEL, `hello from ${nick}`));
bot.on("message", ({ message, from_server: fromServer }) => {
    if (!fromServer && message === `hello ${nick}`) {
        asked = true;
        bot.raw("CHATHISTORY", "LATEST", CHANNEL, "*", "50");
    }
});
bot.on("batch end chathistory", ({ commands }) => {
    const texts = commands.map(({ params }) => params.at(-1));
    const isWhole = [`hello from ${nick}`, `hello ${nick}`].every((text) => texts.includes(text));
    bot.quit("done");
    process.exit(asked && isWhole ? 0 : 1);
});
bot.on("sasl failed", ({ reason }) => {
    console.error(`SASL failed: ${reason}`);
    process.exit(1);
});
