// The signals between the devices in a call, which the server relays; parses and validates them.
//
// The four types of the protocol (docs/protocol.md) carry these payloads. Each has `call`, the id of the
// call, and `device`, the id of the sending device; a user may have several devices.
//
//     offer          {room, video, members}       rings; `members` includes the caller
//                    {to, description}            between two devices in the call
//     answer         {accept: true}               to all members: this device has joined the call
//                    {accept: true, to}           so has this one, which waits for an offer
//                    {to, description}
//     ice-candidate  {to, candidate}
//     hangup         {reason}                     "declined" or "busy" from a user who is rung, to all;
//                                                 "cancelled" to a user who is no longer rung; "left" to all
//                    {reason: "taken", to}        to a user who is rung: device `to` has accepted

const ID_MAX = 64;
const NAME_MAX = 256;
const REASONS = new Set(["declined", "busy", "cancelled", "left", "taken"]);

/** The most members of a call, since each sends to each of the others. */
export const MEMBERS_MAX = 4;

/**
 * @typedef {object} Signal
 * @property {"ring"|"accept"|"connect"|"hangup"} step
 * @property {string} call
 * @property {string} device
 * @property {string} [to] the device that it is for
 * @property {string} [room]
 * @property {boolean} [video]
 * @property {string[]} [members]
 * @property {RTCSessionDescriptionInit} [description]
 * @property {RTCIceCandidateInit} [candidate]
 * @property {string} [reason]
 */

/**
 * The signal in a payload, or `undefined` if it is not valid.
 * @param {string} type
 * @param {any} payload
 * @returns {Signal|undefined}
 */
export function readSignal(type, payload) {
  const { call, device, to } = payload ?? {};
  if (!isText(call, ID_MAX) || !isText(device, ID_MAX) || (to !== undefined && !isText(to, ID_MAX))) return undefined;
  const content = contentOf(type, payload);
  return content && { call, device, to, ...content };
}

function contentOf(type, payload) {
  const { room, video, members, description, candidate, accept, reason, to } = payload;
  if (type === "hangup") return REASONS.has(reason) && (reason === "taken") === (to !== undefined) ? { step: "hangup", reason } : undefined;
  if (type === "answer" && accept === true) return { step: "accept" };
  if (to !== undefined) {
    if (type === "ice-candidate") return candidate !== null && typeof candidate === "object" ? { step: "connect", candidate } : undefined;
    const { type: kind, sdp } = description ?? {};
    return kind === type && typeof sdp === "string" ? { step: "connect", description: { type: kind, sdp } } : undefined;
  }
  if (type !== "offer" || !isText(room, NAME_MAX) || !Array.isArray(members)) return undefined;
  const isValid = members.length >= 2 && members.length <= MEMBERS_MAX && members.every((user) => isText(user, NAME_MAX));
  return isValid ? { step: "ring", room, video: video === true, members: [...new Set(members)] } : undefined;
}

function isText(value, max) {
  return typeof value === "string" && value.length >= 1 && value.length <= max;
}
