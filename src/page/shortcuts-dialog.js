// The dialog that lists what the keyboard does. The keys are handled where they are pressed: in app-shell.js, composer.js,
// message-list.js and message-toolbar.js.

import { Dialog } from "./dialog.js";
import { html } from "./html.js";

const SHORTCUTS = [
  [["Ctrl K"], "Open or create a room"],
  [["Alt ↑", "Alt ↓"], "The conversation before, the next one"],
  [["Shift F10"], "At a conversation in the list: its menu"],
  [["Alt C"], "Go to the call"],
  [["Ctrl Shift F"], "Search messages"],
  [["Esc"], "Close what is open; go to the message field"],
  [["Shift Enter"], "In the message field: a new line"],
  [["Ctrl Enter"], "In the message field: send, also where Enter begins a new line"],
  [["↑"], "In the empty message field: edit your last message"],
  [["↑", "↓"], "In the messages: the one before, the next one"],
  [["Tab", "←", "→"], "At a message: its actions, and between them"],
  [["Ctrl /"], "This list"],
];

export function ShortcutsDialog({ onClose }) {
  return html`<${Dialog} title="Keyboard shortcuts" onClose=${onClose}>
    <dl class="shortcuts">${SHORTCUTS.map(([keys, what]) => html`<div key=${what}><dt>${what}</dt><dd>${keys.map((key) => html`<kbd key=${key}>${key}</kbd> `)}</dd></div>`)}</dl>
  </${Dialog}>`;
}
