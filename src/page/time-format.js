// Times in the reader's zone and language.

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const wholeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const yearFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const shortFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const relativeFormat = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const DAY_MS = 86_400_000;

// 14:05
export const clock = (at) => clockFormat.format(new Date(at));

// Saturday 21 November 2026 at 14:05:09
export const whole = (at) => wholeFormat.format(new Date(at));

export const isSameDay = (one, other) => dayNumber(one) === dayNumber(other);

// Today; Yesterday; Friday, 20 November; 20 November 2025
export function day(at, now = Date.now()) {
  const away = dayNumber(at) - dayNumber(now);
  if (away === 0 || away === -1) return capital(relativeFormat.format(away, "day"));
  const date = new Date(at);
  return (date.getFullYear() === new Date(now).getFullYear() ? dayFormat : yearFormat).format(date);
}

// As short as a list wants it: the clock today, else the day.
export function short(at, now = Date.now()) {
  return isSameDay(at, now) ? clock(at) : shortFormat.format(new Date(at));
}

// The clock today, else the day with the clock.
export function moment(at, now = Date.now()) {
  return isSameDay(at, now) ? clock(at) : `${shortFormat.format(new Date(at))}, ${clock(at)}`;
}

// A sentence of the server's, which knows no zones.
export function inZone(sentence) {
  return sentence?.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (at) => moment(at));
}

// How far off something is: in seconds up to two minutes, then coarser.
export function inTime(ms) {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds > 7_200) return `in ${Math.ceil(seconds / 3_600)} h`;
  if (seconds > 120) return `in ${Math.ceil(seconds / 60)} min`;
  return seconds > 0 ? `in ${seconds} s` : "now";
}

// Days are counted by the reader's midnights, which summer time moves.
function dayNumber(at) {
  const date = new Date(at);
  return Math.floor((date.getTime() - date.getTimezoneOffset() * 60_000) / DAY_MS);
}

function capital(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
