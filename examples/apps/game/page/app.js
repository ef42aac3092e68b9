// The game's page: the arena, who plays, and how the ticks are. One steers with the mouse, a finger or the arrow keys.

import { Client } from "/roomd.js";
import { element, roomdAddress, tellState } from "/page.js";
import { FIELD } from "./bytes.js";
import { TICKS, drawArena, drawTicks } from "./drawing.js";
import { Game, claim } from "./game.js";

const TURN = 0.09; // that a key turns in a frame, in radians
const TOKEN = "snake"; // in the tab's storage: a page that is loaded again is the same player
const find = (selector) => document.querySelector(selector);
const arena = find("#arena");
const ws = await roomdAddress();
const http = new URL(ws.replace("ws", "http")).origin;

let client;
let game;
let identity = JSON.parse(sessionStorage.getItem(TOKEN) ?? "null");
const late = [];
const keys = new Set();

await connect();
requestAnimationFrame(draw);
setInterval(showFigures, 500);

// As the player, or as a guest who watches.
async function connect() {
  client?.close();
  client = new Client(`${ws}?echo=false`, { retryMs: 200, retryMsMax: 2_000, user: identity?.user, token: identity?.token });
  tellState(client, find("#line"));
  client.on("state", ({ phase, code }) => phase === "closed" && code === 4401 && forget()); // a token of another game
  game = new Game(client);
  game.onState((state) => {
    late.push(state.late);
    if (late.length > TICKS) late.shift();
  });
  client.open();
  if (identity) await game.play();
  await game.open();
}

async function forget() {
  identity = null;
  sessionStorage.removeItem(TOKEN);
  await connect();
}

find("#enter").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  find("#problem").textContent = "";
  try {
    const { user, token } = await claim(http, find("#name").value.trim());
    identity = { user, token };
    sessionStorage.setItem(TOKEN, JSON.stringify(identity));
    await connect();
  } catch (error) {
    find("#problem").textContent = error.message;
  }
});
find("#stop").addEventListener("click", () => {
  game.stop();
  forget();
});

// A page that nobody sees is somebody who is away.
document.addEventListener("visibilitychange", () => {
  if (!identity) return;
  if (document.hidden) game.rest();
  else game.play();
});

// Towards the pointer, as it is seen from the snake's head.
for (const type of ["pointerdown", "pointermove"]) {
  arena.addEventListener(type, ({ offsetX, offsetY }) => {
    const head = game.mine?.trail[0];
    if (!head) return;
    const scale = FIELD.width / arena.clientWidth;
    game.heading = Math.atan2(offsetY * scale - head.y, offsetX * scale - head.x);
  });
}
addEventListener("keydown", (event) => {
  if (!["ArrowLeft", "ArrowRight"].includes(event.key) || event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  keys.add(event.key);
});
addEventListener("keyup", ({ key }) => keys.delete(key));

function draw() {
  if (keys.has("ArrowLeft")) game.heading -= TURN;
  if (keys.has("ArrowRight")) game.heading += TURN;
  drawArena(arena, game, performance.now());
  drawTicks(find("#ticks"), late);
  requestAnimationFrame(draw);
}

function showFigures() {
  const { state, mine } = game;
  if (!state) return;
  const players = state.snakes.filter(({ robot }) => !robot);
  find("#enter").hidden = identity !== null;
  find("#playing").hidden = identity === null;
  const full = players.length === 4 ? "All four places are taken; you are next" : "Finding a place";
  find("#said").textContent = !mine ? full : mine.dead ? "You begin again in a moment" : "Steer with the mouse, a finger or the arrow keys";
  find("#players").replaceChildren(
    ...state.snakes.map(({ place, name, robot, score, asleep, inputs }) =>
      element("li", { data: { place } }, element("bdi", {}, robot ? "a robot" : name), element("span", { class: "soft" }, asleep ? "away" : robot ? "" : `${inputs} inputs/s`), element("b", {}, String(score))),
    ),
  );
  const best = [...game.best].sort(([, one], [, other]) => other - one).slice(0, 5);
  find("#best").replaceChildren(...best.map(([name, points]) => element("li", {}, element("bdi", {}, name), element("b", {}, String(points)))));
  find("#no-best").hidden = best.length > 0;
  const answer = [...game.answers].sort((one, other) => one - other)[Math.floor(game.answers.length / 2)];
  const figures = { p50: ms(state.p50), p99: ms(state.p99), max: ms(state.max), answer: answer === undefined ? "–" : ms(answer), skipped: String(game.skipped) };
  for (const [name, text] of Object.entries(figures)) find(`#${name}`).textContent = text;
}

const ms = (number) => `${number < 10 ? number.toFixed(2) : Math.round(number)} ms`;
