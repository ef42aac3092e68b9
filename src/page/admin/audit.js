// What admins have done: who, what and when.

import { html } from "../html.js";
import { Listing, Table, Time } from "./table.js";

const DONE = {
  connection_ended: "ended a connection",
  banned: "banned",
  unbanned: "lifted a ban",
  announced: "announced",
  room_created: "created a room",
  room_ended: "ended a room",
  room_handed_over: "handed over a room",
  room_retained: "changed how much of a room is kept",
  room_moderated: "moderated a room",
  operator_signed_in: "became an operator on IRC",
  name_released: "gave a name back",
  person_erased: "erased a person",
  key_rotated: "made another key",
  key_revoked: "revoked a key",
};
const COLUMNS = [
  ["When", ({ at }) => html`<${Time} at=${at} />`],
  ["Who", ({ by }) => html`<bdi>${by}</bdi>`],
  ["What", ({ what }) => DONE[what] ?? what],
  ["About", ({ about }) => about && html`<bdi>${about}</bdi>`],
  ["Until", ({ until }) => until && html`<${Time} at=${until} />`],
  ["Note", ({ note }) => note && html`<bdi>${note}</bdi>`],
];

export function Audit({ api }) {
  return html`<${Listing} api=${api} path="admin/audit" name="audit">${(rows) => html`
    <${Table} label="Audit" columns=${COLUMNS} rows=${rows} keyOf=${({ entry }) => entry} empty="No admin has done anything yet." />`}
  </${Listing}>`;
}
