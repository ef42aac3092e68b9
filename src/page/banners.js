// The banners above the composer: a pause, a problem, and why messages do not reach the room as usual. The one of
// the connection is in app-shell.js, since without a connection this file cannot be loaded.

import { html, IconButton, Name, User } from "./html.js";
import { formatCountdown, formatDateTime, localizeTimes } from "./time-format.js";

export function Banners({ chat, room, now, ui }) {
  const pause = chat.pause ?? room?.pause;
  return html`${pause && pauseBanner(pause, now)}
    ${chat.problem && problemBanner(chat)}
    ${chat.announced && announcementBanner(chat)}
    ${[...chat.invitations].map(([name, by]) => invitationBanner(chat, ui, name, by))}
    ${chat.isOutdated && outdatedBanner()}
    ${room?.savedAt && room.joinState !== "in" && savedBanner(room)}
    ${room?.joinState === "refused" && notJoinedBanner(room, chat)}
    ${room?.silence && html`<div class="banner" role="status" key="silence"><p>${silenceText(room)}</p></div>`}
    ${room && chat.lacksKey(room) && missingKeyBanner(room, ui)}`;
}

function silenceText({ silence, mute }) {
  if (silence === "announcement") return "Only moderators and people with a voice can write here. You can read.";
  return `You are muted in this room${mute.until < Infinity ? ` until ${formatDateTime(mute.until)}` : ""}. You can read, but not write.`;
}

function notJoinedBanner(room, chat) {
  return html`<div class="banner" role="alert"><p>${localizeTimes(room.refusal)}</p><button type="button" onClick=${() => chat.join(room)}>Join again</button></div>`;
}

function invitationBanner(chat, ui, name, by) {
  const answer = (act) => () => {
    chat.invitations.delete(name);
    act();
    chat.changed();
  };
  const known = chat.roomOf(name);
  if (known?.joinState === "in") return undefined; // entered meanwhile, perhaps because another device did
  const open = () => {
    if (known) chat.forget(known); // it was refused before
    ui.select(chat.open("room", name));
  };
  const decline = () => chat.client.request({ type: "remove", room: name, user: chat.me }).catch(({ message }) => chat.showProblem(`${message}.`));
  return html`<div class="banner invited" role="status" key=${`invited ${name}`}><p><${User} of=${by} /> invited you to <${Name} of=${name} />.</p>
    <button type="button" onClick=${answer(open)}>Open</button><button type="button" class="quiet" onClick=${answer(decline)}>Decline</button></div>`;
}

function savedBanner({ savedAt }) {
  return html`<div class="banner" role="status"><p>You are offline. What you see was saved on this device at <time datetime=${savedAt}>${formatDateTime(savedAt)}</time>; there may be newer messages.</p></div>`;
}

function outdatedBanner() {
  return html`<div class="banner" role="status"><p>The server has a newer version of this page.</p><button type="button" onClick=${() => location.reload()}>Reload</button></div>`;
}

// What was typed is still in the composer, which the second button submits.
function missingKeyBanner(room, ui) {
  const text = room.held
    ? "Nothing was sent: the messages here are encrypted, and this device does not have the key."
    : "Messages here are encrypted, and this device does not have the key: it can neither read nor write them.";
  return html`<div class="banner missing-key" id="missing-key" key=${`missing key ${room.held}`} role=${room.held ? "alert" : "status"}><p>${text}</p>
    <button type="button" onClick=${() => ui.dialog("encryption")}>Enter the key</button>
    ${room.held && html`<button form="composer" class="quiet" onClick=${() => (room.mayBePlain = true)}>Send this unencrypted</button>`}</div>`;
}

function pauseBanner({ text, until }, now) {
  return html`<div class="banner" role="status"><p>${text}<span aria-hidden="true"> You can continue ${formatCountdown(until - now)}.</span></p></div>`;
}

function announcementBanner(chat) {
  const { by, text, at } = chat.announced;
  const dismiss = () => {
    chat.announced = undefined;
    chat.changed();
  };
  return html`<div class="banner" role="status" key="announced"><p><${User} of=${by} /> announces to all: <bdi>${text}</bdi> (<time datetime=${at}>${formatDateTime(at)}</time>)</p>
    <${IconButton} icon="close" label="Dismiss the announcement" onClick=${dismiss} /></div>`;
}

function problemBanner(chat) {
  return html`<div class="banner problem" role="alert"><p>${localizeTimes(chat.problem.text)}</p>
    <${IconButton} icon="close" label="Dismiss" onClick=${() => chat.dismiss()} /></div>`;
}
