// One conversation through four doors at once, with the real programs: records docs/doors.cast and docs/doors.png.
//
//   node tests/doors/record.mjs [PROGRAM]     default: target/debug/roomd
//
// `curl -N`, `nc` and `irssi` run in the panes of one tmux, which asciinema records; the page runs in Chromium. Needs
// tmux, asciinema, curl, nc, irssi and util-linux's script from Debian, Chromium, and the packages in target/page. Each
// message is awaited in all four places before the next is said; in the end each place must show them in one order.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { Browser } from "../page/harness/browser.mjs";
import { DEADLINE_MS } from "../page/harness/deadline.mjs";
import { root } from "../page/harness/packages.mjs";

const PROGRAM = process.argv[2] ?? `${root}target/debug/roomd`;
const [COLUMNS, ROWS] = [150, 42];
const folder = mkdtempSync(`${tmpdir()}/roomd-doors-`);
const tmux = (...words) => execFileSync("tmux", ["-S", `${folder}/tmux`, "-f", "/dev/null", ...words], { encoding: "utf8" });
// The panes, numbered column by column from the top left.
const [CURL, IRSSI, NC, SHELL] = [0, 1, 2, 3].map((number) => `doors.${number}`);
const see = (pane) => tmux("capture-pane", "-p", "-J", "-t", pane);
const type = (pane, text) => tmux("send-keys", "-t", pane, text, "Enter");
const STYLE = `body { margin: 0; background: #ccd; font: 13px sans-serif } main { display: flex; gap: 16px; padding: 16px }
  h1 { font-size: 14px; margin: 0 0 4px } section { margin: 0 0 12px } img { border-radius: 6px; display: block }
  pre { margin: 0; padding: 8px; width: 660px; background: #111; color: #ddd; border-radius: 6px; font: 12px/1.25 monospace; overflow: hidden }`;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

async function until(what, holds) {
  for (const end = Date.now() + DEADLINE_MS; !(await holds()); ) {
    if (Date.now() > end) throw new Error(`${what}; ${[CURL, NC, IRSSI, SHELL].map(see).join("\n---\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const [http, lines, irc] = [await freePort(), await freePort(), await freePort()];
const address = (port) => `127.0.0.1:${port}`;
const flags = ["--data", "off", "--listen", address(http), "--lines", address(lines), "--irc", address(irc), "--name", "Works"];
const server = spawn(PROGRAM, ["serve", ...flags], { stdio: "ignore" });
const browser = await Browser.start();
try {
  await until("the server is there", () => fetch(`http://${address(http)}/api/v1/server`).then(() => true, () => false));
  tmux("new-session", "-d", "-s", "doors", "-x", COLUMNS, "-y", ROWS, "env PS1='$ ' sh");
  tmux("split-window", "-h", "-t", "doors.0", "env PS1='$ ' sh");
  tmux("split-window", "-v", "-t", "doors.0", "env PS1='$ ' sh");
  tmux("split-window", "-v", "-t", "doors.2", "env PS1='$ ' sh");
  tmux("set", "-t", "doors", "status", "off");
  const record = `stty cols ${COLUMNS} rows ${ROWS}; asciinema rec -q --overwrite -c "tmux -S ${folder}/tmux attach" ${root}docs/doors.cast`;
  const recorder = spawn("script", ["-qfec", record, "/dev/null"], {
    stdio: "ignore",
    env: { ...process.env, TERM: "xterm-256color", SHELL: "/bin/sh" },
  });
  const recorded = once(recorder, "exit");
  await until("asciinema records", () => tmux("list-clients", "-t", "doors") !== "");

  type(CURL, `curl -N '${address(http)}/api/v1/rooms/ops/events?user=board' -H 'Accept: text/event-stream'`);
  await until("curl is in the room", () => see(CURL).includes('"joined"'));
  type(NC, `nc 127.0.0.1 ${lines}`);
  await until("nc is greeted", () => see(NC).includes("You are"));
  type(NC, "/nick nora");
  type(NC, "/join ops");
  await until("nc is in the room", () => see(NC).includes("nora joined") || see(NC).includes("ops"));
  type(IRSSI, `irssi --home=${folder}/irssi -c 127.0.0.1 -p ${irc} -n ivy`);
  await until("irssi is welcomed", () => see(IRSSI).includes("[ivy(+i)]"));
  type(IRSSI, "/join #ops");
  await until("irssi is in the channel", () => see(IRSSI).includes("#ops"));
  const pat = await browser.person({ viewport: { width: 900, height: 760 } });
  await pat.enter(`http://${address(http)}/chat/ops`, "pat");

  const said = [
    ["Has the backup run?", (text) => pat.say(text)],
    ["It is at 92 percent", (text) => type(NC, text)],
    ["Then I wait with the update", (text) => type(IRSSI, text)],
    ["The backup is done", (text) => type(SHELL, `curl -d '${text}' '${address(http)}/api/v1/rooms/ops/messages?user=cron'`)],
    ["Thanks, cron. Updating now", (text) => type(IRSSI, text)],
  ];
  for (const [text, say] of said) {
    await say(text);
    for (const door of [CURL, NC, IRSSI]) await until(`${text} in ${door}`, () => see(door).includes(text));
    await until(`${text} in the page`, async () => (await pat.texts()).some((shown) => shown.includes(text)));
  }
  const texts = said.map(([text]) => text);
  const inOrder = (all) => texts.every((text, i) => i === 0 || all.lastIndexOf(texts[i - 1]) < all.lastIndexOf(text));
  for (const door of [CURL, NC, IRSSI]) if (!inOrder(see(door))) throw new Error(`another order: ${see(door)}`);
  if (!inOrder((await pat.texts()).join("\n"))) throw new Error("another order in the page");

  await pat.page.mouse.move(0, 0); // away from the messages, which show their actions below it
  const page = (await pat.page.screenshot()).toString("base64");
  const screen = (door) => `<pre>${html(tmux("capture-pane", "-p", "-e", "-t", door).trimEnd())}</pre>`;
  const titles = { [CURL]: "curl -N", [NC]: "nc", [IRSSI]: "irssi" };
  const terminals = [CURL, NC, IRSSI].map((door) => `<section><h1>${titles[door]}</h1>${screen(door)}</section>`);
  const picture = await browser.person({ viewport: { width: 1640, height: 600 } });
  await picture.page.setContent(`<!doctype html><style>${STYLE}</style><main><div>${terminals.join("")}</div>
    <section><h1>the page</h1><img src="data:image/png;base64,${page}"></section></main>`);
  await picture.page.screenshot({ path: `${root}docs/doors.png`, fullPage: true });
  tmux("kill-server");
  await recorded;
  // Where the recording was made is nobody's business.
  const cast = readFileSync(`${root}docs/doors.cast`, "utf8").split("\n");
  const { version, width, height } = JSON.parse(cast[0]);
  cast[0] = JSON.stringify({ version, width, height, title: "One conversation through four doors" });
  writeFileSync(`${root}docs/doors.cast`, cast.join("\n"));
  console.log(`one order in four places; docs/doors.cast has ${cast.length} lines`);
} finally {
  await browser.end();
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}

// The text of a terminal with its colours: SGR 0, 1, 7, and the sixteen colours.
function html(text) {
  const colours = ["#000", "#c33", "#3a3", "#a80", "#48c", "#a4a", "#2aa", "#ddd", "#777", "#f66", "#6d6", "#fd5", "#7af", "#f7f", "#5ee", "#fff"];
  let style = {};
  const css = () => {
    const [ink, paper] = style.reverse ? [style.paper ?? "#111", style.ink ?? "#ddd"] : [style.ink, style.paper];
    return `${ink ? `color:${ink};` : ""}${paper ? `background:${paper};` : ""}${style.bold ? "font-weight:bold;" : ""}`;
  };
  const escaped = (part) => part.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return text
    .split(/\x1b\[([\d;]*)m/)
    .map((part, i) => {
      if (i % 2 === 0) return part === "" ? "" : `<span style="${css()}">${escaped(part)}</span>`;
      for (const code of (part || "0").split(";").map(Number)) {
        if (code === 0) style = {};
        else if (code === 1) style.bold = true;
        else if (code === 7) style.reverse = true;
        else if (code === 39) delete style.ink;
        else if (code === 49) delete style.paper;
        else if (code >= 30 && code <= 37) style.ink = colours[code - 30];
        else if (code >= 90 && code <= 97) style.ink = colours[code - 82];
        else if (code >= 40 && code <= 47) style.paper = colours[code - 40];
      }
      return "";
    })
    .join("");
}
