// The banners above the composer: a pause, a problem, and why messages do not reach the room as usual. The one of
// the connection is in app-shell.js, since without a connection this file cannot be loaded.

import { html, IconButton } from "./html.js";
import { formatCountdown, localizeTimes } from "./time-format.js";

export function Banners({ chat, room, now, ui }) {
  const pause = chat.pause ?? room?.pause;
  return html`${pause && pauseBanner(pause, now)}
    ${chat.problem && problemBanner(chat)}
    ${room?.joinState === "refused" && notJoinedBanner(room, chat)}
    ${room?.missingKey && !chat.isEncrypted(room) && missingKeyBanner(ui)}`;
}

function notJoinedBanner(room, chat) {
  return html`<div class="banner" role="alert"><p>${localizeTimes(room.refusal)}</p><button type="button" onClick=${() => chat.join(room)}>Join again</button></div>`;
}

function missingKeyBanner(ui) {
  return html`<div class="banner"><p>Messages here are encrypted, but this device has no key. Messages that you send now are not encrypted.</p>
    <button type="button" onClick=${() => ui.dialog("encryption")}>Enter the key</button></div>`;
}

function pauseBanner({ text, until }, now) {
  return html`<div class="banner" role="status"><p>${text}<span aria-hidden="true"> You can continue ${formatCountdown(until - now)}.</span></p></div>`;
}

function problemBanner(chat) {
  return html`<div class="banner problem" role="alert"><p>${localizeTimes(chat.problem.text)}</p>
    <${IconButton} icon="close" label="Dismiss" onClick=${() => chat.dismiss()} /></div>`;
}
