// What the applications' pages have in common. Text from others gets into a page as text only.

import { Client } from "/roomd.js";

/** Makes an element: `element("p", {class: "soft"}, "so ", other)`. A function is a listener, `data` sets data attributes. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "data") Object.assign(made.dataset, value);
    else if (typeof value === "function") made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** The address of roomd, as its program started it. */
export async function roomdAddress() {
  return (await (await fetch("/config.json")).json()).roomd;
}

/** Opens a client whose state is told in `line`, an element. It comes back soon, since it is a page that one watches. */
export async function openClient(options, line) {
  const client = new Client(await roomdAddress(), { retryMsMax: 4_000, ...options });
  tellState(client, line);
  return client.open();
}

/** Tells in `line` what a client is doing. */
export function tellState(client, line) {
  const tell = ({ phase, reason }) => {
    line.dataset.phase = phase;
    line.textContent = { online: "live", connecting: "connecting", waiting: `${reason}; trying again` }[phase] ?? reason ?? phase;
  };
  client.on("state", tell);
}
