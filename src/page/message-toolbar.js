// What can be done with a message, beside the one that the reader looks at.

import { html, IconButton } from "./html.js";

const SIGNS = ["👍", "❤️", "😂", "🎉", "😮", "😢"];

export function Toolbar({ entry, me, rules, actions }) {
  const own = entry.user === me && entry.seal?.state !== "unreadable";
  return html`<div class="toolbar" role="toolbar" aria-label="This message">
    ${SIGNS.map((sign) => html`<button type="button" class="icon-button sign" key=${sign} aria-label=${`React with ${sign}`} onClick=${() => actions.react(entry, sign)}>${sign}</button>`)}
    <${IconButton} icon="reply" label="Reply" onClick=${() => actions.reply(entry)} />
    <${IconButton} icon="copy" label="Copy text" onClick=${() => actions.copy(entry)} />
    ${own && html`<${IconButton} icon="edit" label="Edit" onClick=${() => actions.edit(entry)} />`}
    ${(entry.user === me || rules) && html`<${IconButton} icon="trash" label="Delete" onClick=${() => actions.delete(entry)} />`}
  </div>`;
}
