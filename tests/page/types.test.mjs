// roomd.d.ts against the protocol, roomd.js, and the events of a real server: TypeScript checks each as an object
// literal of its type, in which an undeclared field is an error.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import * as roomd from "../../src/page/roomd.js";
import { connect } from "./harness/client.mjs";
import { require, root } from "./harness/packages.mjs";
import { Server } from "./harness/server.mjs";

const ts = require("typescript");
const PROTOCOL = readFileSync(`${root}docs/protocol.md`, "utf8");
const FILE = `${root}src/page/types-check.ts`; // exists only for the compiler
const HEAD = `
import type { Events, Joined, Replies, Sent } from "./roomd.js";
import { Client, RoomdError, newMid } from "./roomd.js";
type Event<T extends string> = Extract<Events[keyof Events] | Replies[keyof Replies] | Joined | Sent, { type: T }>;
`;

// Events that the client handles or replaces by its own.
const HANDLED = ["ended", "error", "goodbye", "lagged", "resumed"];
// Commands whose replies the methods of the client return.
const METHODS = ["join", "subscribe", "unsubscribe", "message", "publish", "private", "resume"];

// The errors of a program that begins with `HEAD`.
function compile(body) {
  const text = `${HEAD}${body}`;
  const options = { strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, lib: ["lib.es2022.d.ts", "lib.dom.d.ts"], types: [] };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === FILE || fileExists(name);
  host.getSourceFile = (name, ...rest) => (name === FILE ? ts.createSourceFile(name, text, options.target) : getSourceFile(name, ...rest));
  const program = ts.createProgram([FILE], options, host);
  const errors = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file ? file.text.split("\n")[file.getLineAndCharacterOfPosition(start).line].trim() : "";
    return `${ts.flattenDiagnosticMessageText(messageText, " ")}: ${line}`;
  });
  return { errors, program };
}

// An object literal must be written out: only then an undeclared field is an error.
const check = (event, i) => `const event${i}: Event<${JSON.stringify(event.type)}> = ${JSON.stringify(event)};`;

// The examples of events in the protocol; "and TYPE" after one is another event with its fields.
function examples() {
  const section = /### Events\n\n((?: {4}.*\n)+)/.exec(PROTOCOL)[1].replaceAll("{…}", "{}").replaceAll("[…]", "[]");
  const lines = section.replace(/,\n\s+/g, ",").split("\n").flatMap((line) => line.trim().split(/ {2,}(?=\{"type")/)).filter(Boolean);
  return lines.flatMap((line) => {
    const end = line.lastIndexOf("}") + 1;
    const example = JSON.parse(line.slice(0, end));
    const [, others = ""] = /^ +and ([a-z, -]+)$/.exec(line.slice(end)) ?? [];
    return [example, ...others.split(", ").filter(Boolean).map((type) => ({ ...example, type, until: undefined }))];
  });
}

// The commands with a reply in the protocol: [type, type of the reply].
function commands() {
  const rows = [.../### Commands\n\n((?:\|.*\n)+)/.exec(PROTOCOL)[1].matchAll(/^\| (`.*?) \|.*\| `(\w+)`.*\|$/gm)];
  return rows.flatMap(([, types, reply]) => [...types.matchAll(/`([\w-]+)`/g)].map(([, type]) => [type, reply]));
}

test("the events that the protocol documents have types with their fields", () => {
  const events = examples();
  assert.ok(events.length > 30 && events.some(({ type }) => type === "hangup"), "the protocol has changed its form");
  const { errors } = compile(events.filter(({ type }) => !HANDLED.includes(type)).map(check).join("\n"));
  assert.deepEqual(errors, []);
  const { errors: found } = compile('const event: Event<"typing"> = { type: "typing", room: "r", username: "Bob", typing: true, since: 1 };');
  assert.equal(found.length, 1, "a field that is not declared is an error");
});

test("the commands that the protocol documents have types of their replies", () => {
  const found = commands();
  assert.ok(found.length > 20 && found.some(([type]) => type === "end"), "the protocol has changed its form");
  const typed = found.filter(([type]) => !METHODS.includes(type));
  const { errors } = compile(typed.map(([type, reply], i) => `const reply${i}: Replies["${type}"]["type"] = "${reply}";`).join("\n"));
  assert.deepEqual(errors, []);
});

test("the types declare what roomd.js exports, and the members of the client", () => {
  const { program } = compile("");
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(`${root}src/page/roomd.d.ts`));
  const exported = checker.getExportsOfModule(module);
  const values = exported.filter(({ flags }) => flags & ts.SymbolFlags.Value).map(({ name }) => name);
  assert.deepEqual(values.sort(), Object.keys(roomd).sort());
  const client = checker.getDeclaredTypeOfSymbol(exported.find(({ name }) => name === "Client"));
  const members = Object.getOwnPropertyNames(roomd.Client.prototype).filter((name) => name !== "constructor");
  assert.deepEqual(client.getProperties().map(({ name }) => name).sort(), members.sort());
});

test("a program that uses the client compiles", () => {
  const { errors } = compile(`
    const client = new Client(new URL("ws://127.0.0.1:8000/ws"), { user: "Ann", token: async () => "t", history: 50 });
    client.on("message", ({ user, message, reply_to, react_to, cipher, edited, deleted, replayed }) => {});
    client.on("state", (state) => state.phase === "waiting" && state.retryAt.toFixed());
    client.on("removed", (event) => (event.code === undefined ? event.user.length : event.message.length));
    client.on("refused", ({ id, code, retry_after_ms }) => {});
    client.on("*", (event) => event.type.length);
    async function main() {
      await client.open().join("lobby", { history: 10 });
      const { seq } = await client.publish("lobby", "hello", { mid: newMid() });
      await client.whisper("Bob", { cipher: {} }, { reply_to: seq });
      const { messages } = await client.request({ type: "history", room: "lobby", limit: 10 });
      messages[0].user?.length;
      client.tell({ type: "typing", room: "lobby", typing: true });
    }
    main().catch((error) => error instanceof RoomdError && error.code);
  `);
  assert.deepEqual(errors, []);
});

let server;
before(async () => {
  server = await Server.start("--rate-burst", "1000", "--rate-per-s", "1000", "--ice-server", "stun:127.0.0.1:3478");
});
after(() => server.end());

async function registered(name) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${server.http}/api/v1/claims`, { method: "POST", headers, body: JSON.stringify({ name }) });
  const { token } = await response.json();
  return connect(`${server.http.replace("http", "ws")}/ws`, { token });
}

test("the events and replies of a real server have the types that are declared", async () => {
  const [ann, bob] = [await registered("Ann"), await registered("Bob")];
  const replies = [];
  const ask = async (type, fields) => replies.push(await ann.client.request({ type, ...fields }));
  await Promise.all([ann.phase("online"), bob.phase("online")]);
  await ask("create", { room: "den" });
  for (const { client } of [ann, bob]) await client.join("den");
  const sent = await bob.client.publish("den", "hello");
  const { seq } = await ann.client.publish("den", "hi", { reply_to: sent.seq });
  await ann.client.publish("den", "+1", { react_to: sent.seq });
  await ann.client.publish("den", { cipher: { ct: "x" } });
  await bob.client.request({ type: "edit", room: "den", seq: sent.seq, message: "hello!" });
  await ask("delete", { room: "den", seq: sent.seq });
  await ann.client.whisper("Bob", "psst");
  await bob.heard("psst");
  bob.client.tell({ type: "read", room: "den", seq });
  bob.client.tell({ type: "typing", room: "den", typing: true });
  bob.client.tell({ type: "presence", status: "away", note: "lunch" });
  bob.client.tell({ type: "offer", to: "Ann", payload: {} });
  bob.client.tell({ type: "hangup", to: "Nobody", id: "x" });
  for (const type of ["offer", "receipt", "typing", "presence"]) await ann.until((event) => event.type === type);
  await bob.until(({ type }) => type === "refused");
  await ask("history", { room: "den" });
  await ask("members", { room: "den" });
  await ask("rooms");
  await ask("ping");
  for (const [type, fields] of [["invite"], ["role", { role: "moderator" }], ["mute", { for_s: 60, note: "shh" }], ["unmute"]]) await ask(type, { room: "den", user: "Bob", ...fields });
  await ask("settings", { room: "den", slow_mode_s: 0, announcement: true });
  await ask("kick", { room: "den", user: "Bob" });
  await bob.until(({ type, code }) => type === "removed" && code === "kicked");
  await ask("ban", { room: "den", user: "Bob", for_s: 60 });
  await ask("unban", { room: "den", user: "Bob" });
  await ann.until(({ type }) => type === "unbanned");
  replies.push(await ann.client.leave("den"));
  await ann.client.join("den");
  await ask("end", { room: "den" });
  await ann.until(({ type, code }) => type === "removed" && code === "ended");
  for (const { client } of [ann, bob]) client.close();
  await ann.phase("closed");
  const events = [...ann.events, ...bob.events, ...replies, sent];
  for (const type of ["receipt", "typing", "presence", "private", "edit", "delete", "muted", "role", "settings", "left", "history"]) assert.ok(events.some((event) => event.type === type), type);
  assert.deepEqual(compile(events.map(check).join("\n")).errors, []);
});
