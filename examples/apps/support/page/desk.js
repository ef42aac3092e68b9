// The desk: who waits, who is with whom, and what has to happen next. A fold over the room `support.desk`, and pure: the pages,
// the dispatcher and the tests compute it from the same messages and get the same.
//
// A message has a key, so the newest of each key (`latest`) is the whole state:
//   c/CUSTOMER  {}                      the customer asks; the number of this message is the customer's turn
//               {"turn", "agent"}       an agent has the customer; the number of this message is the assignment's term
//               {"turn"}                the customer waits again, and keeps the turn
//               deleted                 the conversation is over
//   a/AGENT     {"capacity"}            the agent is there for so many at once
//               deleted                 the agent has gone

export const DESK = "support.desk";
export const PLACES = "support.places";
export const CAPACITY_MAX = 20;

/** The room in which a customer and an agent talk. */
export const roomOf = (customer) => `support.with.${customer}`;

export class Desk {
  seq = 0; // of the newest message
  customers = new Map(); // name → {name, turn, seq, agent?}; `seq` is the term while an agent has the customer
  agents = new Map(); // name → {name, capacity, seq}

  reset() {
    this.seq = 0;
    this.customers.clear();
    this.agents.clear();
  }

  apply({ seq, key = "", message, deleted }) {
    this.seq = Math.max(this.seq, seq);
    const name = key.slice(2);
    const entries = { "c/": this.customers, "a/": this.agents }[key.slice(0, 2)];
    if (!entries || name === "") return;
    const value = deleted ? undefined : parsed(message);
    if (value === undefined) return void entries.delete(name);
    if (entries === this.agents) {
      const capacity = Number.isInteger(value.capacity) ? Math.min(Math.max(value.capacity, 0), CAPACITY_MAX) : 0;
      return void entries.set(name, { name, capacity, seq });
    }
    const turn = Number.isInteger(value.turn) ? value.turn : seq;
    const agent = typeof value.agent === "string" ? value.agent : undefined;
    entries.set(name, { name, turn, seq, agent });
  }

  /** Who waits, by their turn. */
  waiting() {
    return byTurn([...this.customers.values()].filter(({ agent }) => agent === undefined));
  }

  /** Whom the agent has. */
  with(agent) {
    return [...this.customers.values()].filter((customer) => customer.agent === agent);
  }

  /** How many more the agent can take. */
  room(agent) {
    return Math.max((this.agents.get(agent)?.capacity ?? 0) - this.with(agent).length, 0);
  }

  /** What has to be published next, `{key, value}`, or undefined. */
  next() {
    // Whose agent has gone waits again. The turn is an old one: so they are the first.
    const [left] = byTurn([...this.customers.values()].filter(({ agent }) => agent !== undefined && !this.agents.has(agent)));
    if (left) return { key: `c/${left.name}`, value: { turn: left.turn } };
    const [first] = this.waiting();
    const agent = first && this.#freest();
    return agent && { key: `c/${first.name}`, value: { turn: first.turn, agent } };
  }

  // The agent with the most room; of several the one who came, or was given one of these customers, longest ago. That is told by
  // numbers of messages, and by nothing that whoever has read the newest of each key would not know.
  #freest() {
    const rated = [...this.agents.values()].map(({ name, seq }) => {
      const newest = Math.max(seq, ...this.with(name).map((customer) => customer.seq));
      return { name, room: this.room(name), newest };
    });
    const free = rated.filter(({ room }) => room > 0).sort((one, other) => other.room - one.room || one.newest - other.newest);
    return free[0]?.name;
  }
}

const byTurn = (customers) => customers.sort((one, other) => one.turn - other.turn);

// Whatever anybody says is a message: what is no object says nothing.
function parsed(message) {
  try {
    const value = JSON.parse(message);
    return value !== null && typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}
