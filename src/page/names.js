// Validates user and room names as the server does: docs/protocol.md, section 1.

const ROOM_MAX = 64;
const USER_MAX = 32;

// Characters that end a word, an address or a line, and invisible ones.
const FORBIDDEN = new RegExp(
  "[\\p{Cc}\\p{Cs}\\p{White_Space}/?#" +
    "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f" +
    "\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]",
  "u",
);

// Both return the normalised name, or undefined if it is not valid.
export function userName(input) {
  return checked(input, USER_MAX, /:|^error$/i);
}

export function roomName(input) {
  return checked(input, ROOM_MAX, /^dm:|^\.\.?$/);
}

// The room of a private conversation between two users, in the byte order of their names.
export function privateRoom(one, other) {
  const [first, second] = bytesBefore(one, other) ? [one, other] : [other, one];
  return `dm:${first}:${second}`;
}

// The colour of a name: a hue from 0 to 359, always the same for the same name.
export function hueOf(name) {
  let hash = 2_166_136_261; // FNV-1a
  for (const char of name) hash = Math.imul(hash ^ char.codePointAt(0), 16_777_619);
  return (hash >>> 0) % 360;
}

function checked(input, max, reserved) {
  const name = String(input).trim().normalize("NFC");
  const length = [...name].length;
  return length >= 1 && length <= max && !FORBIDDEN.test(name) && !reserved.test(name) ? name : undefined;
}

// The order of UTF-8 bytes is that of code points, unlike the order of JavaScript strings.
function bytesBefore(one, other) {
  const a = [...one];
  const b = [...other];
  const at = a.findIndex((char, i) => char !== b[i]);
  return at < 0 || (at < b.length && a[at].codePointAt(0) < b[at].codePointAt(0));
}
