// The supervisor's page: the desk as it is, whom to move, and a conversation to read along.

import { element, openClient } from "/page.js";
import { CAPACITY_MAX, roomOf } from "./desk.js";
import { LiveDesk } from "./live-desk.js";
import { addLine } from "./lines.js";

const QUEUE = "to the queue"; // no name has white space in it
const find = (selector) => document.querySelector(selector);
const client = await openClient({}, find(".line"));
const desk = new LiveDesk(client);
let reading; // the customer whose conversation is shown
let drawing;

desk.onChange(() => {
  drawing ??= requestAnimationFrame(() => {
    drawing = undefined;
    if (document.activeElement?.tagName !== "SELECT") show(); // not under the hand of who chooses
  });
});
client.on("message", (event) => {
  if (reading !== undefined && event.room === roomOf(reading)) addLine(find(".lines"), event);
});
document.addEventListener("focusout", ({ target }) => target.tagName === "SELECT" && requestAnimationFrame(show));
await desk.open();

function show() {
  const waiting = desk.waiting();
  const agents = [...desk.agents.values()].sort((one, other) => one.name.localeCompare(other.name));
  find(".waiting").textContent = waiting.length;
  find(".talking").textContent = desk.customers.size - waiting.length;
  find(".agents-there").textContent = agents.length;
  find(".places-free").textContent = agents.reduce((sum, { name }) => sum + desk.room(name), 0);
  find(".queue").replaceChildren(...waiting.map(({ name }, at) => element("li", {}, element("span", { class: "at" }, `${at + 1}.`), reader(name), mover(name))));
  find(".agents").replaceChildren(...agents.map(agentRow));
}

function agentRow({ name, capacity }) {
  const customers = desk.with(name);
  const load = `${customers.length} of ${capacity}`;
  const change = (by) => () => desk.change(() => ({ key: `a/${name}`, value: { capacity: Math.min(Math.max(capacity + by, 0), CAPACITY_MAX) } }));
  return element(
    "li",
    {},
    element("b", {}, element("bdi", {}, name)),
    element("meter", { min: 0, max: Math.max(capacity, 1), value: customers.length, "aria-label": load }),
    element("span", { class: "soft" }, load),
    element("span", { class: "row" }, stepper("−", `Fewer for ${name}`, change(-1)), stepper("+", `More for ${name}`, change(1))),
    element("ul", {}, ...customers.map((customer) => element("li", {}, reader(customer.name), mover(customer.name, name)))),
  );
}

function stepper(sign, label, click) {
  return element("button", { type: "button", "aria-label": label, click }, sign);
}

function reader(name) {
  return element("button", { type: "button", "aria-pressed": String(name === reading), click: () => read(name) }, element("bdi", {}, name));
}

function mover(name, agent) {
  const others = [...desk.agents.keys()].filter((other) => other !== agent && desk.room(other) > 0);
  const options = ["Move…", ...others, ...(agent === undefined ? [] : [QUEUE])];
  const change = ({ target }) => {
    if (target.value) desk.move(name, target.value === QUEUE ? undefined : target.value);
    target.blur();
  };
  return element("select", { "aria-label": `Move ${name}`, change }, ...options.map((option, at) => element("option", { value: at === 0 ? "" : option }, option)));
}

async function read(name) {
  if (reading !== undefined) client.leave(roomOf(reading)).catch(() => {});
  reading = name;
  find(".reading h2").textContent = `With ${name}`;
  find(".lines").replaceChildren();
  show();
  await client.join(roomOf(name), { history: 200 }).catch(() => {});
}
