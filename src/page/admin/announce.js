// Saying something to everybody who is connected.

import { html } from "../html.js";
import { Form } from "./forms.js";

export function Announce({ api, ui }) {
  const run = async ({ text }) => {
    if (!text) throw new Error("An announcement says something.");
    await api.admin("POST", "announcements", { text });
    ui.say("It is said to everybody who is connected.");
  };
  return html`<${Form} class="card stacked" label="Announce" action="Announce" clears run=${run}>
    <label class="field-label"><span>What is said to everybody who is connected, one line</span>
      <input name="text" maxlength="350" autocomplete="off" required /></label>
    <p class="hint">It is shown on every door and server, under your name, and is in no history. Who comes later does not see it.</p>
  </${Form}>`;
}
