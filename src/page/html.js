// What the views share: templates, and small components such as icons, names and avatars.
//
// Text from other users only ever becomes text nodes, and names stand in <bdi>, so that markup has no
// effect and direction marks affect nothing around them.

import { Component, createRef, h } from "./vendor/preact.js";
import htm from "./vendor/htm.js";
import { displayNames, hueOf } from "./names.js";

export { Component, createRef };
export const html = htm.bind(h);

const ICONS = {
  back: "M15 5l-7 7 7 7",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1 2H5zM10 20h4M4 4l16 16",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v14M6 13l6 6 6-6",
  hidden: "M3 12q9-12 18 0-9 12-18 0zM5 4l14 16",
  leave: "M10 5H5v14h5M14 8l4 4-4 4M18 12H9",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  unlocked: "M6 11h12v9H6zM8.5 11V7a3.5 3.5 0 0 1 6.8-1",
  people: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3.5 19a5.5 5.5 0 0 1 11 0M16 5.3a3 3 0 0 1 0 5.4M17 14a5.5 5.5 0 0 1 3.5 5",
  phone: "M6 4h3l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v3a2 2 0 0 1-2 2A14 14 0 0 1 4 6a2 2 0 0 1 2-2z",
  pin: "M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v6",
  plus: "M12 5v14M5 12h14",
  search: "M11 17a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM15.5 15.5L20 20",
  send: "M4 12l16-7-6 15-3-6z",
  tick: "M5 13l4 4L19 7",
  ticks: "M2 13l4 4L15 7M11 16l1 1 10-10",
  wait: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v4l3 2",
};

// `name` is that of an icon above, or the path of one that a lazily loaded component has.
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${ICONS[name] ?? name} /></svg>`;
}

// A button that shows only an icon; `label` is its tooltip and its accessible name.
export function IconButton({ icon, label, class: classes = "", ...rest }) {
  return html`<button type="button" class=${`icon-button ${classes}`} aria-label=${label} title=${label} ...${rest}><${Icon} name=${icon} /></button>`;
}

export function Name({ of }) {
  return html`<bdi class="name">${of}</bdi>`;
}

// A user: what they want to be called, and beside it the name that identifies them.
export function User({ of }) {
  const called = displayNames.get(of);
  return called && called !== of ? html`<bdi class="name">${called}</bdi> <small class="handle">(${of})</small>` : html`<${Name} of=${of} />`;
}

// Tells public rooms from private ones. That a room is encrypted is another matter, with a sign of its own.
export function RoomSign({ isPrivate }) {
  const label = isPrivate ? "Private room" : "Public room";
  return html`<span class="hash" role="img" aria-label=${label} title=${label}>${isPrivate ? html`<${Icon} name="hidden" />` : "#"}</span>`;
}

export function Avatar({ of, status }) {
  const letter = [...(displayNames.get(of) ?? of)][0].toLocaleUpperCase();
  return html`<span class="avatar" style=${{ "--hue": hueOf(of) }} data-status=${status} aria-hidden="true">${letter}</span>`;
}

// "Ann", "Ann and Bob", "Ann, Bob and 3 others", each name in its own direction.
export function names(users, shown = 3) {
  const named = users.slice(0, users.length > shown + 1 ? shown : users.length).map((user) => html`<${User} of=${user} />`);
  const more = users.length - named.length;
  const all = more > 0 ? [...named, `${more} others`] : named;
  return all.flatMap((part, i) => (i === 0 ? [part] : [i === all.length - 1 ? " and " : ", ", part]));
}
