// An agent: has the customers that the desk gives, and talks with each in the customer's room.
//
// What an agent says there has the key `agent`, the term of the assignment in its `mid`, and the condition that the newest of that
// key is the agent's own. So the order of the room decides: once the next agent has said anything, the one before is refused.

import { DESK, roomOf } from "./desk.js";

const KEY = "agent";
const LINES_MAX = 200; // of a conversation that are shown

/** The term of an agent's message; undefined for what a customer says. */
export const termOf = ({ key, mid = "" }) => (key === KEY ? Number.parseInt(mid, 10) || 0 : undefined);
/** Whether it is the agent's last word. */
export const isEnd = ({ key, mid = "" }) => key === KEY && mid.endsWith(".end");

export class Agent {
  conversations = new Map(); // customer → {customer, term, turn, lines, closed}
  capacity;
  #client;
  #desk;
  #there = false;
  #listeners = new Set();

  constructor(client, desk, capacity) {
    this.#client = client;
    this.#desk = desk;
    this.capacity = capacity;
    desk.onChange(() => this.#follow());
    client.on("message", (event) => this.#hear(event));
  }

  get name() {
    return this.#client.user;
  }

  /** Calls `listener(conversation, line)` for each new line, and `listener()` when the list of conversations has changed. */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** Is there for customers, also again after a loss of the connection, until `leave`. */
  async come() {
    this.#there = true;
    await this.#desk.open();
    await this.setCapacity(this.capacity);
  }

  async leave() {
    this.#there = false;
    await this.#desk.change((desk) => desk.agents.has(this.name) && { key: `a/${this.name}` });
  }

  setCapacity(capacity) {
    this.capacity = capacity;
    return this.#desk.change((desk) => desk.agents.get(this.name)?.capacity !== capacity && { key: `a/${this.name}`, value: { capacity } });
  }

  /** Says something to a customer. Resolves with the number, or undefined if the customer is not the agent's any more. */
  say(customer, text) {
    const conversation = this.conversations.get(customer);
    return conversation ? this.#say(conversation, text, newMid()) : Promise.resolve(undefined);
  }

  /** Ends the conversation: says so in the room first, so that whoever is given the customer next, because this agent vanished
   * in between, finds that it is over. */
  async end(customer) {
    const conversation = this.conversations.get(customer);
    if (!conversation) return;
    await this.#say(conversation, "The conversation is over.", "end");
    await this.#close(conversation);
  }

  /** Gives the customer to another agent, or without one back to the queue. Resolves with whether that was possible. */
  handOver(customer, agent) {
    return this.#desk.move(customer, agent);
  }

  #close({ customer, term }) {
    return this.#desk.change((desk) => desk.customers.get(customer)?.seq === term && { key: `c/${customer}` });
  }

  // Opens and closes conversations, as the desk has it.
  #follow() {
    if (!this.#there || !this.#desk.ready) return;
    const { agents } = this.#desk;
    if (!agents.has(this.name)) this.setCapacity(this.capacity).catch(() => {}); // was believed to have gone
    else if (agents.get(this.name).capacity !== this.capacity) this.capacity = agents.get(this.name).capacity; // a supervisor's word
    for (const conversation of this.conversations.values()) {
      if (this.#desk.customers.get(conversation.customer)?.seq !== conversation.term) this.#lose(conversation);
    }
    for (const { name, seq, turn } of this.#desk.with(this.name)) {
      if (!this.conversations.has(name)) this.#open({ customer: name, term: seq, turn, lines: [], closed: false });
    }
  }

  async #open(conversation) {
    const { customer } = conversation;
    conversation.newest = 0; // number of the newest message of an agent
    conversation.spoken = Promise.resolve(); // what is said is said one after the other, since each names the one before
    this.conversations.set(customer, conversation);
    this.#tell();
    try {
      await this.#client.join(roomOf(customer), { history: LINES_MAX });
    } catch {
      return; // left meanwhile
    }
    await this.#say(conversation, `Hello, this is ${this.name}.`, "hello");
  }

  #lose(conversation) {
    conversation.closed = true;
    this.conversations.delete(conversation.customer);
    this.#client.leave(roomOf(conversation.customer)).catch(() => {});
    this.#tell();
  }

  #say(conversation, text, id) {
    conversation.spoken = conversation.spoken.then(() => this.#publish(conversation, text, `${conversation.term}.${id}`));
    return conversation.spoken;
  }

  async #publish(conversation, text, mid) {
    const room = roomOf(conversation.customer);
    while (!conversation.closed) {
      try {
        const { seq } = await this.#client.publish(room, text, { key: KEY, mid, if_key_seq: conversation.newest });
        conversation.newest = seq;
        return seq;
      } catch (error) {
        if (error.code !== "conflict") return undefined; // left, or refused for good
        const newest = await this.#message(room, error.details.seq);
        if (!newest) continue;
        if (termOf(newest) > conversation.term) return undefined; // another agent has the customer by now
        if (isEnd(newest) && termOf(newest) > conversation.turn) {
          if (termOf(newest) < conversation.term) await this.#close(conversation); // the agent before did not get to it
          return undefined;
        }
        conversation.newest = newest.seq;
      }
    }
    return undefined;
  }

  async #message(room, seq) {
    try {
      const { messages } = await this.#client.request({ type: "history", room, before: seq + 1, limit: 1 });
      return messages[0];
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100)); // there is no connection
      return undefined;
    }
  }

  #hear(event) {
    const conversation = [...this.conversations.values()].find(({ customer }) => roomOf(customer) === event.room);
    if (!conversation || event.deleted) return;
    conversation.lines.push(event);
    if (conversation.lines.length > LINES_MAX) conversation.lines.shift();
    this.#tell(conversation, event);
  }

  #tell(...what) {
    for (const listener of this.#listeners) listener(...what);
  }
}

/** A random id of a message. */
export function newMid() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
