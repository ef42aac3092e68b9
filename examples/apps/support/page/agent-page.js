// The agent's page.

import { element, openClient } from "/page.js";
import { Agent } from "./agent.js";
import { LiveDesk } from "./live-desk.js";
import { addLine, showLines } from "./lines.js";

const QUEUE = "to the queue"; // no name has white space in it
const find = (selector) => document.querySelector(selector);
const start = find(".start");
const unread = new Set();
let agent;
let desk;
let chosen; // the customer who is shown

start.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, capacity } = Object.fromEntries(new FormData(start));
  find(".start button").disabled = true;
  const client = await openClient({ user: name }, find(".line"));
  client.on("state", ({ phase, reason }) => {
    if (phase === "closed") find(".start .problem").textContent = reason;
  });
  desk = new LiveDesk(client);
  agent = new Agent(client, desk, Number(capacity));
  agent.onChange(hear);
  desk.onChange(show);
  await agent.come();
  start.hidden = true;
  find(".capacity").value = agent.capacity;
  show();
});

function hear(conversation, line) {
  if (line && conversation.customer === chosen) addLine(find(".lines"), line, agent.name);
  else if (line && line.user !== agent.name) unread.add(conversation.customer);
  show();
}

function show() {
  if (!desk.ready || !start.hidden) return;
  const names = [...agent.conversations.keys()];
  if (!names.includes(chosen)) choose(names[0]);
  const waiting = desk.waiting().length;
  find(".desk").textContent = waiting === 0 ? "Nobody waits." : waiting === 1 ? "One customer waits." : `${waiting} customers wait.`;
  find(".tabs").hidden = names.length === 0;
  find(".tabs").replaceChildren(...names.map(tab));
  find(".nobody").hidden = names.length > 0;
  find(".work").hidden = false;
  if (document.activeElement !== find(".capacity")) find(".capacity").value = agent.capacity;
  const others = [...desk.agents.keys()].filter((name) => name !== agent.name && desk.room(name) > 0);
  const options = ["Hand over…", ...others, QUEUE];
  const select = find(".to");
  if (document.activeElement === select && options.length === select.length) return; // it is open
  select.replaceChildren(...options.map((name, at) => element("option", { value: at === 0 ? "" : name }, name)));
}

function tab(name) {
  const current = name === chosen ? "true" : undefined;
  const data = unread.has(name) ? { new: "" } : {};
  return element("button", { type: "button", "aria-current": current, data, click: () => (choose(name), show()) }, name);
}

function choose(name) {
  chosen = name;
  unread.delete(name);
  find(".talk").hidden = name === undefined;
  find(".talk h2").textContent = name ?? "";
  showLines(find(".lines"), agent.conversations.get(name)?.lines ?? [], agent.name);
}

find(".say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = find(".say input");
  const text = field.value;
  field.value = "";
  if ((await agent.say(chosen, text)) === undefined) find(".desk").textContent = "That customer is another agent's by now.";
});
find(".over").addEventListener("click", () => agent.end(chosen));
find(".to").addEventListener("change", ({ target }) => {
  if (target.value) agent.handOver(chosen, target.value === QUEUE ? undefined : target.value);
  target.blur();
});
find(".capacity").addEventListener("change", ({ target }) => agent.setCapacity(Math.min(Math.max(target.valueAsNumber || 0, 0), 20)));
find(".go").addEventListener("click", async () => {
  await agent.leave();
  location.reload();
});
