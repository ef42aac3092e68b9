// The toolbar of the message that is hovered or focused: react, reply, copy, edit, delete.

import { html, IconButton } from "./html.js";

const EMOJIS = ["👍", "❤️", "😂", "🎉", "😮", "😢"];

export function MessageToolbar({ entry, me, canModerate, actions }) {
  const own = entry.user === me && entry.opened?.state !== "unreadable";
  return html`<div class="toolbar" role="toolbar" aria-label="Message actions">
    ${EMOJIS.map((emoji) => html`<button type="button" class="icon-button emoji" key=${emoji} aria-label=${`React with ${emoji}`} onClick=${() => actions.react(entry, emoji)}>${emoji}</button>`)}
    <${IconButton} icon="reply" label="Reply" onClick=${() => actions.reply(entry)} />
    <${IconButton} icon="copy" label="Copy text" onClick=${() => actions.copy(entry)} />
    ${own && html`<${IconButton} icon="edit" label="Edit" onClick=${() => actions.edit(entry)} />`}
    ${(entry.user === me || canModerate) && html`<${IconButton} icon="trash" label="Delete" onClick=${() => actions.delete(entry)} />`}
  </div>`;
}
