// examples/apps/support: what the desk promises, under agents who vanish and processes that are killed. What is checked is what
// the rooms say afterwards, and what each customer and agent was told.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { termOf, isEnd } from "../../examples/apps/support/page/agent.js";
import { DESK, Desk, roomOf } from "../../examples/apps/support/page/desk.js";
import { robotAgent, robotCustomer } from "../../examples/apps/support/robots.mjs";
import { DEADLINE_MS } from "../page/harness/deadline.mjs";
import { eventually } from "../page/harness/fixtures.mjs";
import { Relay } from "../page/harness/relay.mjs";
import { Server } from "../page/harness/server.mjs";

const DISPATCHER = fileURLToPath(new URL("../../examples/apps/support/dispatcher.mjs", import.meta.url));
const FLAGS = ["--rate-burst", "1000", "--rate-per-s", "1000", "--grace", "1s"];
const TIMES = ["300", "4000"]; // a dispatcher's patience with an agent who leaves, and with one who is not back, in ms
const CUSTOMERS = 200;
const DELAY_MS_MAX = 5_000; // from when a decision is due; on a busy machine
const RETURN_MS = 2_000; // for everybody to be back when the server is

const ends = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function desk() {
  const server = await Server.start(...FLAGS);
  ends.push(() => server.end());
  return server;
}

// A dispatcher in a process of its own.
async function dispatcher(server) {
  const ws = `${server.http.replace("http", "ws")}/ws`;
  const child = spawn(process.execPath, ["--experimental-websocket", "--no-warnings", DISPATCHER, ws, ...TIMES], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  ends.push(kill);
  child.stdout.resume();
  return { kill };
}

// An agent with a line of its own, which can be cut.
async function agent(server, name, options) {
  const relay = await Relay.to(server);
  const robot = await robotAgent({ ws: relay.ws, name, retryMsMax: 300, ...options });
  ends.push(async () => {
    robot.close();
    relay.end();
  });
  return { ...robot, name, relay };
}

function customer(server, name) {
  const robot = robotCustomer({ ws: `${server.http.replace("http", "ws")}/ws`, http: server.http, name, retryMsMax: 300 });
  ends.push(async () => robot.close());
  return robot;
}

// All that was ever said in a room.
async function history(server, room) {
  const messages = [];
  for (let after = 0; ; ) {
    const response = await fetch(`${server.http}/api/v1/rooms/${room}/messages?after=${after}&limit=300`);
    assert.equal(response.status, 200, `${room}: ${response.status}`);
    const page = await response.json();
    messages.push(...page.messages);
    if (page.complete) return messages;
    after = page.next;
  }
}

// What `Desk` says before each message.
function replay(messages, look) {
  const state = new Desk();
  for (const message of messages) {
    look(state, message);
    state.apply(message);
  }
  return state;
}

// Every decision of a dispatcher is the one that the desk's history before it demands: the first of those who wait goes to an
// agent with room. Returns the assignments by their term, and how long each was due before it came.
function decisions(messages) {
  const terms = new Map();
  const delays = [];
  let due;
  replay(messages, (state, message) => {
    const { seq, key, user, at } = message;
    const next = state.next();
    due = next && (due ?? messages[seq - 2].at);
    if (!key.startsWith("c/") || message.deleted) return;
    const { agent } = JSON.parse(message.message);
    if (agent) {
      terms.set(seq, { agent, customer: key.slice(2) });
      assert.ok(state.room(agent) > 0, `message ${seq}: ${agent} has no room`);
    }
    if (user !== "dispatcher") return;
    assert.deepEqual({ key, value: JSON.parse(message.message) }, next, `message ${seq}`);
    delays.push({ from: Date.parse(due), to: Date.parse(at) });
    due = undefined;
  });
  return { terms, delays };
}

// In a customer's room no agent speaks after the next one, and each only in a term of their own.
function conversation(messages, customer, terms) {
  let newest = 0;
  let ends = 0;
  for (const message of messages) {
    const term = termOf(message);
    if (term === undefined) continue;
    assert.deepEqual(terms.get(term), { agent: message.user, customer }, `message ${message.seq} to ${customer}`);
    assert.ok(term >= newest, `${message.user} answered ${customer} beside the next agent`);
    assert.equal(ends, 0, `${customer} is answered when it is over`);
    newest = term;
    if (isEnd(message)) ends++;
  }
  return ends;
}

// As `eventually`, of something at hand.
const until = (holds) => eventually(holds, (held) => assert.ok(held, `not within ${DEADLINE_MS} ms: ${holds}`));

test("the first who waits goes to the agent with the most room, and whose agent has gone is the first again", () => {
  const state = new Desk();
  const say = (seq, key, value) => state.apply({ seq, key, ...(value ? { message: JSON.stringify(value) } : { deleted: true }) });
  say(1, "c/Dana", {});
  say(2, "c/Emil", {});
  assert.equal(state.next(), undefined);
  say(3, "a/Ann", { capacity: 1 });
  say(4, "a/Bob", { capacity: 2 });
  assert.deepEqual(state.next(), { key: "c/Dana", value: { turn: 1, agent: "Bob" } });
  say(5, "c/Dana", { turn: 1, agent: "Bob" });
  assert.deepEqual(state.next(), { key: "c/Emil", value: { turn: 2, agent: "Ann" } });
  say(6, "c/Emil", { turn: 2, agent: "Ann" });
  say(7, "c/Fay", {});
  say(8, "c/Gus", {});
  say(9, "c/Fay", { turn: 7, agent: "Bob" });
  assert.equal(state.next(), undefined);
  say(10, "a/Bob");
  assert.deepEqual(state.next(), { key: "c/Dana", value: { turn: 1 } });
  say(11, "c/Dana", { turn: 1 });
  say(12, "c/Fay", { turn: 7 });
  assert.deepEqual(state.waiting().map(({ name }) => name), ["Dana", "Fay", "Gus"]);
  say(13, "c/Emil");
  assert.deepEqual(state.next(), { key: "c/Dana", value: { turn: 1, agent: "Ann" } });
  for (const message of ["7", "null", "[", '"c"', '{"turn":"x","agent":7}']) state.apply({ seq: 14, key: "x/Eve", message });
  assert.equal(state.customers.size, 3);
  // Of equals the one who came first, also to whoever has read the newest of each key alone, in another order.
  const equals = [[1, "a/Ann", { capacity: 1 }], [2, "a/Bob", { capacity: 1 }], [3, "a/Ann", { capacity: 2 }], [4, "a/Ann", { capacity: 1 }], [5, "c/Dana", {}]];
  const latest = equals.slice(1).filter(([seq]) => seq !== 3);
  for (const told of [equals, latest]) {
    const desk = new Desk();
    for (const [seq, key, value] of told) desk.apply({ seq, key, message: JSON.stringify(value) });
    assert.equal(desk.next().value.agent, "Bob");
  }
});

test("200 customers are answered in turn and by one, while agents vanish and dispatchers and the server are killed", async (t) => {
  const server = await desk();
  const dispatchers = [await dispatcher(server), await dispatcher(server)];
  const agents = [];
  const thinkMs = () => 50 + Math.random() * 100;
  for (const name of ["Ann", "Bob", "Cem", "Dee", "Eva"]) agents.push(await agent(server, name, { capacity: 3, thinkMs }));
  const customers = [];
  let over = 0;
  for (let number = 1; number <= CUSTOMERS; number++) {
    const robot = customer(server, `Customer-${number}`);
    robot.over.then(() => over++);
    customers.push(robot);
  }
  const outages = []; // when there was no server, or no dispatcher
  const outage = async (work) => {
    const from = Date.now();
    await work();
    outages.push({ from, to: Date.now() + RETURN_MS });
  };
  const gone = async (name) => until(async () => {
    const messages = await history(server, DESK);
    return messages.findLast(({ key }) => key === `a/${name}`)?.deleted;
  });
  const vanish = (at) => agents[at].relay.cut(); // for good, unless it is restored
  const killServer = async () => {
    await server.stop("SIGKILL");
    await server.restart();
  };
  const killDispatchers = async (...which) => {
    await Promise.all(which.map((at) => dispatchers[at].kill()));
    for (const at of which) dispatchers[at] = await dispatcher(server);
  };

  const plan = [
    [15, () => vanish(0)],
    [30, () => killDispatchers(0)], // the other goes on
    [45, async () => { vanish(1); vanish(2); await Promise.all([gone("Bob"), gone("Cem")]); agents[1].relay.restore(); agents[2].relay.restore(); }],
    [70, () => outage(killServer)],
    [90, () => { vanish(3); agents[0].relay.restore(); }],
    [110, () => outage(() => killDispatchers(0, 1))],
    [130, () => { vanish(4); agents[3].relay.restore(); }],
    [150, () => outage(() => Promise.all([killServer(), killDispatchers(1)]))],
    [170, () => vanish(0)],
  ];
  for (const [after, happens] of plan) {
    await until(() => over >= after);
    await happens();
  }
  await until(() => over === CUSTOMERS);

  const messages = await history(server, DESK);
  const { terms, delays } = decisions(messages);
  const stored = new Map();
  for (const { customer } of customers) {
    const room = roomOf(customer.name);
    const all = await history(server, room);
    stored.set(customer.name, all);
    assert.equal(conversation(all, customer.name, terms), 1, `${customer.name} is over once`);
    // The customer was shown all of it, in order, once.
    assert.deepEqual(customer.lines.map(({ seq, mid }) => ({ seq, mid })), all.map(({ seq, mid }) => ({ seq, mid })));
  }
  // What an agent was told is stored is stored, and what it was told is not is not.
  let refused = 0;
  for (const { name, said } of agents) {
    for (const { customer, term, seq } of said) {
      if (seq === undefined) refused++;
      else assert.ok(stored.get(customer).some((message) => message.seq === seq && message.user === name && termOf(message) === term));
    }
  }
  await until(async () => replay(await history(server, DESK), () => {}).customers.size === 0);
  const again = terms.size - CUSTOMERS;
  assert.ok(again > 0, "no customer was given to a second agent");
  const waits = delays.filter(({ from, to }) => !outages.some((one) => from <= one.to && to >= one.from)).map(({ from, to }) => to - from).sort((one, other) => one - other);
  t.diagnostic(`${messages.length} messages at the desk, ${terms.size} assignments, ${again} of them again, ${refused} lines refused`);
  t.diagnostic(`an agent was free before somebody was given: median ${waits[waits.length >> 1]} ms, worst ${waits.at(-1)} ms, of ${waits.length} outside outages`);
  assert.ok(waits.length > 0 && waits.at(-1) < DELAY_MS_MAX, "somebody waited while an agent was free");
});

test("what an agent says who was only cut off is refused once another has the customer", async () => {
  const server = await desk();
  await dispatcher(server);
  const slow = await agent(server, "Ann", { capacity: 1, thinkMs: () => 600_000 });
  const dana = customer(server, "Dana");
  await until(() => slow.agent.conversations.get("Dana")?.newest > 0); // she has said hello
  slow.relay.cut();
  const late = slow.agent.say("Dana", "Are you still there?");
  await agent(server, "Bob", { capacity: 1 });
  await dana.over;
  slow.relay.restore();
  assert.equal(await late, undefined);
  const users = (await history(server, roomOf("Dana"))).filter((message) => termOf(message) !== undefined).map(({ user }) => user);
  assert.deepEqual([...new Set(users)], ["Ann", "Bob"]);
  assert.ok(users.lastIndexOf("Ann") < users.indexOf("Bob"));
  // Ann is believed to have gone no longer.
  await until(async () => {
    const words = (await history(server, DESK)).filter(({ key }) => key === "a/Ann");
    return words.some(({ deleted }) => deleted) && !words.at(-1).deleted;
  });
});

test("an agent whose words have no condition is found by what is checked here", async () => {
  class Heedless extends WebSocket {
    send(frame) {
      super.send(frame.replace(/,"if_key_seq":\d+/, ""));
    }
  }
  const server = await desk();
  await dispatcher(server);
  const slow = await agent(server, "Ann", { capacity: 1, thinkMs: () => 600_000, options: { WebSocket: Heedless } });
  const dana = customer(server, "Dana");
  await until(() => slow.agent.conversations.get("Dana")?.newest > 0); // she has said hello
  slow.client.leave = async () => {}; // she speaks before she hears that Dana is somebody else's
  slow.relay.cut();
  const late = slow.agent.say("Dana", "Are you still there?");
  await agent(server, "Bob", { capacity: 1 });
  await dana.over;
  slow.relay.restore();
  assert.ok((await late) > 0, "it was refused all the same");
  const { terms } = decisions(await history(server, DESK));
  const said = await history(server, roomOf("Dana"));
  assert.throws(() => conversation(said, "Dana", terms), /Ann answered Dana beside the next agent/);
});

test("a customer who is handed over is the next agent's at once, and one who is given back is the first", async () => {
  const server = await desk();
  await dispatcher(server);
  const never = { thinkMs: () => 600_000 };
  const ann = await agent(server, "Ann", { capacity: 2, ...never });
  const [dana, emil] = [customer(server, "Dana"), customer(server, "Emil")];
  await until(() => ann.agent.conversations.size === 2);
  const bob = await agent(server, "Bob", { capacity: 1, ...never });
  await until(() => ann.agent.handOver("Dana", "Bob")); // when she has heard that he is there
  await until(() => dana.customer.agent === "Bob");
  assert.equal(await ann.agent.handOver("Emil", "Bob"), false, "Bob has no room");
  // Nobody is given to Ann any more; who comes now waits behind Emil.
  await ann.agent.setCapacity(1);
  const fay = customer(server, "Fay");
  await until(() => fay.customer.place === 1);
  await ann.agent.setCapacity(0);
  await ann.agent.handOver("Emil");
  await until(() => emil.customer.place === 1 && fay.customer.place === 2 && emil.customer.state === "waiting");
  await fay.customer.giveUp();
  await ann.agent.setCapacity(1);
  await until(() => emil.customer.state === "talking");
  await ann.agent.end("Emil");
  await emil.over;
  await until(() => bob.desk.customers.size === 1);
  decisions(await history(server, DESK));
});
