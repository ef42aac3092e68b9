// The line of an earlier call in the conversation.

import { html, names, User } from "./html.js";
import { formatDuration, formatFull, formatTime } from "./time-format.js";

// What became of a call that was not answered, for who was called, and for who called.
const RECEIVED = { declined: "You declined a call from ", missed: "Missed call from " };
const MADE = {
  cancelled: "not answered",
  declined: "declined",
  busy: "busy",
  "no-answer": "not answered",
  unreachable: "could not be reached",
};

export function CallRow({ entry: { call, at }, me, actions }) {
  const { from, to, outcome, seconds } = call;
  const others = [from, ...to].filter((user) => user !== me);
  const what = outcome === "ended" ? ["Call with ", ...names(others), `, ${formatDuration(seconds * 1_000)}`]
    : from === me ? ["Call to ", ...names(to), `: ${MADE[outcome] ?? "not connected"}`]
    : [RECEIVED[outcome] ?? "Call from ", html`<${User} of=${from} />`];
  return html`<p class="notice-text" data-call=${outcome}>${what} <time datetime=${at} title=${formatFull(at)}>${formatTime(at)}</time>
    ${" "}<button type="button" class="quiet" onClick=${() => actions.call(call)}>${outcome === "missed" ? "Call back" : "Call again"}</button></p>`;
}
