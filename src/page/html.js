// What the views share: templates, and small components such as icons, names and avatars.
//
// Text from other users only ever becomes text nodes, and names stand in <bdi>, so that markup has no
// effect and direction marks affect nothing around them.

import { Component, createRef, h } from "./vendor/preact.js";
import htm from "./vendor/htm.js";
import { hueOf } from "./names.js";

export { Component, createRef };
export const html = htm.bind(h);

const ICONS = {
  back: "M15 5l-7 7 7 7",
  camera: "M4 7h11v10H4zM15 11l5-3v8l-5-3",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v11H9zM5 15V4h10",
  down: "M12 5v14M6 13l6 6 6-6",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  hidden: "M3 12q9-12 18 0-9 12-18 0zM5 4l14 16",
  leave: "M10 5H5v14h5M14 8l4 4-4 4M18 12H9",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  people: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3.5 19a5.5 5.5 0 0 1 11 0M16 5.3a3 3 0 0 1 0 5.4M17 14a5.5 5.5 0 0 1 3.5 5",
  phone: "M6 4h3l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v3a2 2 0 0 1-2 2A14 14 0 0 1 4 6a2 2 0 0 1 2-2z",
  plus: "M12 5v14M5 12h14",
  reply: "M10 6l-6 5 6 5v-3c5 0 8 1 10 5 0-6-3-10-10-10z",
  search: "M11 17a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM15.5 15.5L20 20",
  send: "M4 12l16-7-6 15-3-6z",
  tick: "M5 13l4 4L19 7",
  ticks: "M2 13l4 4L15 7M11 16l1 1 10-10",
  trash: "M5 7h14M9 7V5h6v2M7 7l1 13h8l1-13",
  wait: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v4l3 2",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;
}

// A button that shows only an icon; `label` is its tooltip and its accessible name.
export function IconButton({ icon, label, class: classes = "", ...rest }) {
  return html`<button type="button" class=${`icon-button ${classes}`} aria-label=${label} title=${label} ...${rest}><${Icon} name=${icon} /></button>`;
}

export function Name({ of }) {
  return html`<bdi class="name">${of}</bdi>`;
}

// Tells public rooms from private ones. That a room is encrypted is another matter, with a sign of its own.
export function RoomSign({ isPrivate }) {
  const label = isPrivate ? "Private room" : "Public room";
  return html`<span class="hash" role="img" aria-label=${label} title=${label}>${isPrivate ? html`<${Icon} name="hidden" />` : "#"}</span>`;
}

export function Avatar({ of, status }) {
  const letter = [...of][0].toLocaleUpperCase();
  return html`<span class="avatar" style=${{ "--hue": hueOf(of) }} data-status=${status} aria-hidden="true">${letter}</span>`;
}

// "Ann", "Ann and Bob", "Ann, Bob and 3 others", each name in its own direction.
export function names(users, shown = 3) {
  const named = users.slice(0, users.length > shown + 1 ? shown : users.length).map((user) => html`<${Name} of=${user} />`);
  const more = users.length - named.length;
  const all = more > 0 ? [...named, `${more} others`] : named;
  return all.flatMap((part, i) => (i === 0 ? [part] : [i === all.length - 1 ? " and " : ", ", part]));
}
