// The pictures of the page: the arena between two ticks, and how late the last ticks were.

import { FIELD } from "./bytes.js";

const RADIUS = 9;
const LATE_MS = 10; // the whole height of the plot; one that is later is cut
export const TICKS = 100; // of the plot

/** Draws the arena as it is a part of a tick after `before`, on the way to `state`. */
export function drawArena(canvas, { state, before, arrived, mine, heading }, now) {
  const { context, scale, style } = prepared(canvas, FIELD.width);
  if (!state) return;
  const colour = (name) => style.getPropertyValue(name);
  drawGround(context, colour("--dots"));
  for (const { x, y } of state.food) disc(context, x, y, 8, colour("--food"));
  const part = Math.min(1, (now - arrived) / state.every);
  for (const snake of state.snakes) {
    const follows = before && state.tick - before.tick === 1 && before.snakes.some(({ place, trail }) => place === snake.place && trail.length > 0);
    const line = follows && !snake.asleep ? onTheWay(snake.trail, part) : snake.trail;
    if (line.length > 0) drawSnake({ context, scale, snake, line, colour: colour(`--snake-${snake.place}`), text: colour("--names"), isMine: snake.place === mine?.place });
  }
  if (mine && mine.trail.length > 0 && !mine.asleep) drawWish(context, mine.trail[0], heading, colour("--names"));
}

/** The trail of the state before it, and a part of the step from there. */
export function onTheWay(trail, part) {
  if (trail.length < 2) return trail;
  const between = (one, other) => ({ x: one.x + (other.x - one.x) * part, y: one.y + (other.y - one.y) * part });
  return [between(trail[1], trail[0]), ...trail.slice(1, -1), between(trail.at(-1), trail.at(-2))];
}

/** How late each of the last ticks was, in ms: a bar for each. */
export function drawTicks(canvas, late) {
  const { context, style } = prepared(canvas, TICKS * 4);
  const height = (canvas.height / canvas.width) * TICKS * 4;
  late.forEach((ms, at) => {
    const bar = Math.max(1, Math.min(1, ms / LATE_MS) * height);
    context.fillStyle = style.getPropertyValue(ms > LATE_MS / 2 ? "--late" : "--early");
    context.fillRect((TICKS - late.length + at) * 4, height - bar, 3, bar);
  });
}

function drawGround(context, colour) {
  context.fillStyle = colour;
  for (let x = 50; x < FIELD.width; x += 100) for (let y = 50; y < FIELD.height; y += 100) context.fillRect(x - 1.5, y - 1.5, 3, 3);
}

function drawSnake({ context, scale, snake, line, colour, text, isMine }) {
  context.globalAlpha = snake.asleep || snake.safe ? 0.45 : 1;
  context.strokeStyle = colour;
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = 2 * RADIUS;
  context.beginPath();
  context.moveTo(line[0].x, line[0].y);
  for (const { x, y } of line.slice(1)) context.lineTo(x, y);
  context.stroke();
  context.globalAlpha = 1;
  const [head, neck] = [line[0], line[1] ?? line[0]];
  const way = Math.atan2(head.y - neck.y, head.x - neck.x);
  if (isMine) ring(context, head, colour);
  for (const side of [-0.7, 0.7]) disc(context, head.x + Math.cos(way + side) * 6, head.y + Math.sin(way + side) * 6, 2.6, "#fff");
  if (snake.robot) return;
  context.fillStyle = text;
  context.font = `600 ${Math.max(20, 12 / scale)}px system-ui, sans-serif`; // as small as can be read
  context.textAlign = "center";
  context.fillText(snake.asleep ? `${snake.name} · away` : snake.name, head.x, head.y < 60 ? head.y + 44 : head.y - 22);
}

function ring(context, { x, y }, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 3;
  context.beginPath();
  context.arc(x, y, 17, 0, 7);
  context.stroke();
}

// Where the player wants to go.
function drawWish(context, head, heading, colour) {
  context.globalAlpha = 0.5;
  disc(context, head.x + Math.cos(heading) * 46, head.y + Math.sin(heading) * 46, 4, colour);
  context.globalAlpha = 1;
}

function disc(context, x, y, radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fill();
}

// As many pixels as the screen has, in units of the picture.
function prepared(canvas, units) {
  const ratio = globalThis.devicePixelRatio ?? 1;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.setTransform(width / units, 0, 0, width / units, 0, 0);
  context.clearRect(0, 0, units, (units * height) / width);
  return { context, scale: canvas.clientWidth / units, style: getComputedStyle(canvas) };
}
