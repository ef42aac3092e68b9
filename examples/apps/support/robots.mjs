// Customers and agents who are programs: `run --robots` fills the pages with them, and the test lets them loose.

import { setTimeout as pause } from "node:timers/promises";
import { Client } from "../../../src/page/roomd.js";
import { Agent, isEnd, termOf } from "./page/agent.js";
import { Customer } from "./page/customer.js";
import { LiveDesk } from "./page/live-desk.js";

const PROBLEMS = ["my order has not arrived", "I cannot sign in", "the invoice is wrong", "my parcel is broken", "I was charged twice", "the app is blank"];
const ANSWERS = ["Let me look that up.", "I see what happened, and have put it right.", "That will be with you tomorrow."];
const THANKS = "Thank you, that was all.";
const ANSWERS_MAX = 2; // that a customer waits for

/** Asks, and is over when an agent has ended the conversation: `over` then resolves. */
export function robotCustomer({ ws, http, name, retryMsMax = 2_000 }) {
  const client = new Client(ws, { user: name, retryMs: 100, retryMsMax }).open();
  const customer = new Customer(client, http);
  let answers = 0;
  let ended;
  const over = new Promise((resolve) => {
    ended = resolve;
  });
  customer.onChange((line) => {
    if (!line || termOf(line) === undefined) return;
    if (isEnd(line)) return ended();
    const text = answers < ANSWERS_MAX ? `Question ${answers + 1} of ${name}.` : THANKS;
    answers++;
    customer.say(text).catch(() => {});
  });
  const problem = PROBLEMS[[...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % PROBLEMS.length];
  const asked = customer.ask(`Hello, ${problem}.`);
  return { client, customer, over, asked, close: () => client.close() };
}

/** Answers each line of its customers after `thinkMs`, and ends when it is thanked. What it thinks about ends with `close`. */
export async function robotAgent({ ws, name, capacity = 3, thinkMs = () => 20, retryMsMax = 2_000, options = {} }) {
  const client = new Client(ws, { user: name, retryMs: 100, retryMsMax, ...options }).open();
  const desk = new LiveDesk(client);
  const agent = new Agent(client, desk, capacity);
  const closing = new AbortController();
  const said = []; // what it was told of what it said: {customer, term, seq}, without `seq` if it was refused
  agent.onChange(async (conversation, line) => {
    if (!line || termOf(line) !== undefined || line.user !== conversation.customer) return;
    const isClosed = await pause(thinkMs(), false, closing).catch(() => true);
    if (isClosed) return;
    await conversation.spoken;
    if (line.seq < conversation.newest) return; // what was asked before the agent came is answered by the greeting
    const { customer, term } = conversation;
    if (line.message === THANKS) return agent.end(customer).catch((error) => console.error(`${name}: ${error.message}`));
    said.push({ customer, term, seq: await agent.say(customer, ANSWERS[line.seq % ANSWERS.length]) });
  });
  await agent.come();
  const close = () => {
    closing.abort();
    client.close();
  };
  return { client, desk, agent, said, close };
}
