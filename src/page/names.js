// Validates user and room names as the server does (docs/protocol.md, section 1), and makes the addresses of things on
// this server.

const ROOM_MAX = 64;
const USER_MAX = 32;

// Code points that choose between forms of their neighbours and show nothing: they are left out.
const FORM_SELECTORS = /[\u034f\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

// Characters that end a word, an address or a line, and those that show nothing.
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{White_Space}\p{Default_Ignorable_Code_Point}/?#\ufff9-\ufffb\u2800\u{1d159}]/u;

// Both return the normalised name, or undefined if it is not valid.
export function userName(input) {
  return checked(input, USER_MAX, /:|^error$/);
}

export function roomName(input) {
  return checked(input, ROOM_MAX, /^dm:|^\.\.?$/);
}

// The server's own address, which ends with a slash: below a path if a proxy serves it there. This file is in its assets.
const SERVER = new URL("../", import.meta.url);

// The path at which the server is, "/" or such as "/chat/".
export const basePath = SERVER.pathname;

// Begins the name of what the browser stores for this server: servers below other paths have the same origin.
export const storagePrefix = basePath === "/" ? "roomd" : `roomd${basePath}`;

// The address of something on this server, such as of "/ws".
export function addressOf(path) {
  return new URL(`.${path}`, SERVER).href;
}

// The address of a room or a private conversation in the page, or of a message in it.
export function addressOfRoom({ kind, name }, seq) {
  const place = encodeURIComponent(name);
  return addressOf(kind === "room" ? `/chat/${place}${seq ? `/${seq}` : ""}` : `/?with=${place}${seq ? `&message=${seq}` : ""}`);
}

// The room of a private conversation between two users, in the byte order of their names.
export function privateRoom(one, other) {
  const [first, second] = bytesBefore(one, other) ? [one, other] : [other, one];
  return `dm:${first}:${second}`;
}

// The colour of a name, always the same for the same name: one of twelve hues, which can be told apart.
export function hueOf(name) {
  let hash = 2_166_136_261; // FNV-1a
  for (const char of name) hash = Math.imul(hash ^ char.codePointAt(0), 16_777_619);
  return ((hash ^ (hash >>> 16)) >>> 0) % 12 * 30;
}

// What registered users want to be called, by their names, as far as it is known. Others may be called the same, so both
// are shown.
export const displayNames = new Map();

// A user, where only a text can stand.
export function titleOf(user) {
  const called = displayNames.get(user);
  return called && called !== user ? `${called} (${user})` : user;
}

function checked(input, max, reserved) {
  const name = String(input).trim().replace(FORM_SELECTORS, "").normalize("NFC");
  const length = [...name].length;
  const isReserved = reserved.test(name.normalize("NFKC").toLowerCase());
  return length >= 1 && length <= max && !FORBIDDEN.test(name) && !isReserved ? name : undefined;
}

// The order of UTF-8 bytes is that of code points, unlike the order of JavaScript strings.
function bytesBefore(one, other) {
  const a = [...one];
  const b = [...other];
  const at = a.findIndex((char, i) => char !== b[i]);
  return at < 0 || (at < b.length && a[at].codePointAt(0) < b[at].codePointAt(0));
}
