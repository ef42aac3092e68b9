// What devices in a call say to each other through the server, read with care.
//
// The four types of the protocol (docs/protocol.md) carry a payload of ours. Each has `call`, the
// call's mark, and `device`, the sender's; a user may be there with several devices.
//
//     offer          {room, video, members}       rings: all members, the caller among them
//                    {to, description}            between two devices in the call
//     answer         {accept: true}               to all members: this device is in the call
//                    {accept: true, to}           so is this one, and it waits for an offer
//                    {to, description}
//     ice-candidate  {to, candidate}
//     hangup         {reason}                     "declined" or "busy" by one who is rung, to all;
//                                                 "cancelled" to one who is rung no more; "left" to all
//                    {reason: "taken", to}        to one who is rung: that device has accepted

const MARK_MAX = 64;
const NAME_MAX = 256;
const REASONS = new Set(["declined", "busy", "cancelled", "left", "taken"]);

/** Members of a call, at most: each sends to each of the others. */
export const MEMBERS_MAX = 4;

/**
 * @typedef {object} Signal
 * @property {"ring"|"accept"|"connect"|"hangup"} step
 * @property {string} call
 * @property {string} device
 * @property {string} [to] the device it is for
 * @property {string} [room]
 * @property {boolean} [video]
 * @property {string[]} [members]
 * @property {RTCSessionDescriptionInit} [description]
 * @property {RTCIceCandidateInit} [candidate]
 * @property {string} [reason]
 */

/**
 * The signal in a payload, or `undefined` if it is none.
 * @param {string} type
 * @param {any} payload
 * @returns {Signal|undefined}
 */
export function readSignal(type, payload) {
  const { call, device, to } = payload ?? {};
  if (!isText(call, MARK_MAX) || !isText(device, MARK_MAX) || (to !== undefined && !isText(to, MARK_MAX))) return undefined;
  const said = contentOf(type, payload);
  return said && { call, device, to, ...said };
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
  const right = members.length >= 2 && members.length <= MEMBERS_MAX && members.every((user) => isText(user, NAME_MAX));
  return right ? { step: "ring", room, video: video === true, members: [...new Set(members)] } : undefined;
}

function isText(value, max) {
  return typeof value === "string" && value.length >= 1 && value.length <= max;
}
