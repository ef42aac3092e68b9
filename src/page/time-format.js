// Formats times in the user's time zone and language.

const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const yearFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const shortFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const relativeFormat = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const DAY_MS = 86_400_000;

// 14:05
export const formatTime = (at) => timeFormat.format(new Date(at));

// Saturday 21 November 2026 at 14:05:09
export const formatFull = (at) => fullFormat.format(new Date(at));

export const isSameDay = (one, other) => dayNumber(one) === dayNumber(other);

// Today; Yesterday; Friday, 20 November; 20 November 2025
export function formatDay(at, now = Date.now()) {
  const days = dayNumber(at) - dayNumber(now);
  if (days === 0 || days === -1) return capitalize(relativeFormat.format(days, "day"));
  const date = new Date(at);
  return (date.getFullYear() === new Date(now).getFullYear() ? dayFormat : yearFormat).format(date);
}

// For lists: the time if it is today, otherwise the day.
export function formatShort(at, now = Date.now()) {
  return isSameDay(at, now) ? formatTime(at) : shortFormat.format(new Date(at));
}

// The time if it is today, otherwise the day and the time.
export function formatDateTime(at, now = Date.now()) {
  return isSameDay(at, now) ? formatTime(at) : `${shortFormat.format(new Date(at))}, ${formatTime(at)}`;
}

// Replaces the UTC times in a sentence of the server.
export function localizeTimes(sentence) {
  return sentence?.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (at) => formatDateTime(at));
}

// A duration until something happens: in seconds up to two minutes, then in minutes and hours.
export function formatCountdown(ms) {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds > 7_200) return `in ${Math.ceil(seconds / 3_600)} h`;
  if (seconds > 120) return `in ${Math.ceil(seconds / 60)} min`;
  return seconds > 0 ? `in ${seconds} s` : "now";
}

// How long something has lasted: 0:07, 12:07, 1:02:07
export function formatDuration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const [h, min, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (number) => String(number).padStart(2, "0");
  return h > 0 ? `${h}:${two(min)}:${two(s)}` : `${min}:${two(s)}`;
}

// 30 s; 5 min; 1 h
export function durationOf(seconds) {
  const [unit, s] = [["h", 3_600], ["min", 60], ["s", 1]].find(([, s]) => seconds % s === 0);
  return `${seconds / s} ${unit}`;
}

// Days in local time, whose offset changes with daylight saving time.
function dayNumber(at) {
  const date = new Date(at);
  return Math.floor((date.getTime() - date.getTimezoneOffset() * 60_000) / DAY_MS);
}

function capitalize(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
