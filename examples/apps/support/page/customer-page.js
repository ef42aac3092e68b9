// The customer's page.

import { element, openClient, roomdAddress } from "/page.js";
import { Customer } from "./customer.js";
import { addLine } from "./lines.js";

const find = (selector) => document.querySelector(selector);
const start = find(".start");
let customer;

start.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, question } = Object.fromEntries(new FormData(start));
  find(".start button").disabled = true;
  try {
    await begin(name, question);
    start.hidden = true;
  } catch (error) {
    find(".start .problem").textContent = error.message;
    find(".start button").disabled = false;
  }
});

async function begin(name, question) {
  // Two customers may have one name, and are two.
  const user = `${name}-${Array.from(crypto.getRandomValues(new Uint8Array(2)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const client = await openClient({ user }, find(".line"));
  const http = new URL(await roomdAddress());
  customer = new Customer(client, `http://${http.host}`);
  customer.onChange((line) => {
    if (line) addLine(find(".lines"), line, user);
    show();
  });
  await customer.ask(question);
}

function show() {
  const { state, place, ahead, agent } = customer;
  find(".talk").hidden = false;
  const waits = state === "asking" || state === "waiting";
  find(".place").hidden = !waits;
  find(".number").textContent = place ?? "…";
  find(".place .said").textContent = place === undefined ? "Your place will be told in a moment." : place === 1 ? "You are next." : `${place - 1} before you, ${ahead} in all.`;
  find(".place meter").value = place ? 1 / place : 0;
  find(".talk").setAttribute("aria-label", agent ? `Conversation with ${agent}` : "Conversation");
  find(".say").hidden = state === "over";
  find(".again").hidden = state !== "over";
  find(".give-up").hidden = state === "over";
}

find(".say").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = find(".say input");
  customer.say(field.value).catch((error) => find(".lines").append(element("li", { class: "end" }, error.message)));
  field.value = "";
});
find(".give-up").addEventListener("click", () => customer.giveUp());
find(".again").addEventListener("click", () => customer.askAgain());
