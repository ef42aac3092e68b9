// examples/apps/game: inputs come through, who is away finds the same snake, a slow line has the newest state, and nobody who
// sends too much, or nonsense, disturbs the others.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../../src/page/roomd.js";
import { FIELD, LEAVE, parseState, steer } from "../../examples/apps/game/page/bytes.js";
import { onTheWay } from "../../examples/apps/game/page/drawing.js";
import { BEST, Game, ROOM, claim } from "../../examples/apps/game/page/game.js";
import { SlowLine } from "../../examples/apps/feed/slow-line.mjs";
import { Relay } from "../page/harness/relay.mjs";
import { eventually, fixtures } from "../page/harness/fixtures.mjs";
import { look } from "../page/harness/look.mjs";
import { Program } from "./harness/program.mjs";

const { person, faultless } = fixtures();
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true };

async function start(t, ...flags) {
  const program = await Program.start("game", ...flags);
  t.after(() => program.end());
  return program;
}

// Somebody at the game; with a name, a player.
async function at(t, program, name, ws = program.roomd.ws) {
  const token = name && (await claim(new URL(program.roomd.http).origin, name)).token;
  const client = new Client(`${ws}?echo=false`, { token, retryMs: 50, retryMsMax: 300 });
  const game = new Game(client);
  client.open();
  t.after(() => {
    game.rest();
    client.close();
  });
  await game.open();
  if (name) {
    await game.play();
    await eventually(() => game.mine, (mine) => assert.ok(mine && !mine.asleep && !mine.dead));
  }
  return { game, client };
}

const snakeOf = (game, name) => game.state?.snakes.find((snake) => snake.name === name);

// Steers to the nearest food until there are points, and then into the wall.
async function scores({ game }) {
  game.onState(() => {
    const head = game.mine?.trail[0];
    if (!head) return;
    const [food] = game.state.food.toSorted((one, other) => Math.hypot(one.x - head.x, one.y - head.y) - Math.hypot(other.x - head.x, other.y - head.y));
    game.heading = game.mine.score > 0 ? -Math.PI / 2 : Math.atan2(food.y - head.y, food.x - head.x);
  });
}

test("a state is read as it was written, and what is none is none", () => {
  assert.deepEqual([...steer(258, Math.PI / 2)], [1, 1, 2, 0x40, 0]);
  assert.deepEqual([...steer(65_537, -Math.PI / 2)], [1, 0, 1, 0xc0, 0]);
  assert.deepEqual([...LEAVE], [2]);
  const head = [1, 0, 50, 0, 0, 0, 9, 0, 0, 0x03, 0xe8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];
  const snake = [2, 10, 0, 5, 0, 60, 0, 3, 2, 0x62, 0x6f, 3, 0, 100, 0, 200, 0xf8, 0, 0, 8];
  const whole = new Uint8Array([...head, 1, 0, 7, 1, 0, ...snake]);
  assert.deepEqual(parseState(whole), {
    every: 50, tick: 9, late: 1, p50: 0.001, p99: 0.002, max: 0.003, malformed: 4,
    food: [{ x: 7, y: 256 }],
    snakes: [{ place: 2, input: 5, inputs: 60, score: 3, dead: false, asleep: true, robot: false, safe: true, name: "bo", trail: [{ x: 100, y: 200 }, { x: 92, y: 200 }, { x: 92, y: 208 }] }],
  });
  const ends = [0, head.length + 5]; // without snakes it is whole as well
  for (let end = 0; end < whole.length; end++) if (!ends.includes(end)) assert.equal(parseState(whole.subarray(0, end)), undefined, `${end} bytes`);
  assert.equal(parseState(new Uint8Array([2, ...whole.subarray(1)])), undefined);
  assert.deepEqual(onTheWay([{ x: 8, y: 0 }, { x: 0, y: 0 }, { x: 0, y: 8 }], 0.25), [{ x: 2, y: 0 }, { x: 0, y: 0 }, { x: 0, y: 6 }]);
});

test("four players send 60 inputs a second, and each comes back to the same snake when the line was cut", async (t) => {
  const program = await start(t, "--robots", "0");
  const relay = await Relay.to({ port: program.port });
  t.after(() => relay.end());
  const [ann, ...others] = await Promise.all(["Ann", "Bob", "Cy", "Dan"].map((name) => at(t, program, name, name === "Ann" ? `ws://127.0.0.1:${relay.port}/ws` : undefined)));
  // In circles nobody meets a wall.
  for (const { game } of [ann, ...others]) game.onState(() => (game.heading += 0.15));
  await eventually(
    () => others[0].game.state.snakes,
    (snakes) => assert.ok(snakes.length === 4 && snakes.every(({ inputs }) => inputs >= 55), JSON.stringify(snakes.map(({ name, inputs }) => [name, inputs]))),
  );
  t.diagnostic(`inputs a second: ${others[0].game.state.snakes.map(({ inputs }) => inputs).join(", ")}; refused ${ann.game.refused}`);
  const watcher = await at(t, program);
  for (let round = 0; round < 3; round++) {
    relay.cut();
    const away = await eventually(() => snakeOf(watcher.game, "Ann"), (snake) => (assert.ok(snake?.asleep), snake));
    relay.restore();
    const back = await eventually(() => snakeOf(watcher.game, "Ann"), (snake) => (assert.ok(snake && !snake.asleep), snake));
    assert.equal(back.place, away.place);
    assert.ok(back.score >= away.score);
    // Whoever has come back may have met somebody since.
    if (away.trail.length > 0 && back.trail.length > 0) assert.ok(Math.hypot(back.trail[0].x - away.trail[0].x, back.trail[0].y - away.trail[0].y) < 200, "another snake");
    await eventually(() => ann.game.mine, (mine) => assert.ok(mine && !mine.asleep));
  }
  for (const { game } of others) assert.equal(game.refused, 0);
  await eventually(() => ann.game.answers.length, (length) => assert.ok(length > 20));
  ann.game.stop();
  await eventually(() => snakeOf(watcher.game, "Ann"), (snake) => assert.equal(snake, undefined));
});

test("a line that is too slow has the newest state, and is told how many it has not", async (t) => {
  const program = await start(t, "--robots", "4", "--ticks-per-s", "1000"); // what waits in the kernel has to be filled first
  const line = new SlowLine(20_000);
  line.port = program.port;
  await line.listen();
  t.after(() => line.end());
  const [fast, slow] = [await at(t, program), await at(t, program, undefined, line.ws)];
  const ticks = [];
  slow.game.onState(({ tick }) => ticks.push(tick));
  await eventually(() => slow.game.skipped, (skipped) => assert.ok(skipped > 100, `${skipped} skipped`));
  const behind = fast.game.state.tick - slow.game.state.tick;
  line.bytesPerSecond = 10_000_000;
  await eventually(() => fast.game.state.tick - slow.game.state.tick, (ticks) => assert.ok(ticks <= 1, `${ticks} ticks behind`));
  assert.deepEqual(ticks, ticks.toSorted((one, other) => one - other), "an older state came behind a newer one");
  // Each tick was given, or counted.
  await eventually(() => slow.game.skipped, (skipped) => assert.equal(skipped + ticks.length, ticks.at(-1) - ticks[0] + 1));
  assert.equal(fast.game.skipped, 0);
  t.diagnostic(`${ticks.length} states came, ${slow.game.skipped} gave their place to newer ones; behind by ${behind} ticks under way`);
});

test("nonsense is counted, a flood is refused, nobody else speaks for the arena, and the ticks go on", async (t) => {
  const program = await start(t, "--robots", "1");
  const [watcher, ann, eve] = [await at(t, program), await at(t, program, "Ann"), await at(t, program, "Eve")];
  let missed = 0;
  let before;
  watcher.game.onState(({ tick }) => {
    if (before !== undefined) missed += tick - before - 1;
    before = tick;
  });
  const nonsense = [new Uint8Array([1]), new Uint8Array([9, 9, 9, 9, 9]), new Uint8Array(5), new Uint8Array(60_000).fill(255), "left!", "😀"];
  for (const body of nonsense) await eve.client.publish(`${ROOM}.input.Eve`, body, { store: false });
  await eventually(() => watcher.game.state.malformed, (malformed) => assert.equal(malformed, nonsense.length));
  await assert.rejects(eve.client.request({ type: "message", room: ROOM, data: new Uint8Array([1]), key: "state", store: false }), { code: "forbidden" });
  // Under the arena's own name, too, which a guest may have.
  const liar = new Client(program.roomd.ws, { user: "arena" }).open();
  t.after(() => liar.close());
  await Promise.all([liar.join(ROOM), liar.join(BEST)]);
  await assert.rejects(liar.publish(ROOM, new Uint8Array([1])), { code: "forbidden" });
  await assert.rejects(liar.publish(BEST, "999", { key: "arena" }), { code: "forbidden" });

  const frames = new WebSocket(program.roomd.ws, ["roomd.v1.binary"]);
  t.after(() => frames.close());
  const refusals = [];
  frames.addEventListener("message", ({ data }) => typeof data === "string" && data.includes('"error"') && refusals.push(JSON.parse(data).code));
  await new Promise((resolve) => frames.addEventListener("open", resolve));
  const head = new TextEncoder().encode(`{"type":"message","room":"${ROOM}.input.Eve"}`);
  for (const bytes of [[0], [0, 0, 0, 9], [0, 0, 0, 200, 123], [0, 0, 0, 2, 123, 125, 1], [0, 0, 0, head.length, ...head]]) frames.send(new Uint8Array(bytes));
  await eventually(() => refusals, (codes) => assert.deepEqual(codes, Array(5).fill("bad_request")));

  const place = snakeOf(watcher.game, "Eve").place;
  for (let number = 0; number < 2_000; number++) eve.client.tell({ type: "message", room: `${ROOM}.input.Eve`, data: steer(number, 1), store: false });
  await eventually(() => eve.game.refused, (refused) => assert.ok(refused >= 100, `${refused} refused`));
  // Its connection ends for that; it comes back, to the same snake.
  await eventually(() => eve.client.state.phase, (phase) => assert.equal(phase, "waiting"));
  await eventually(() => snakeOf(watcher.game, "Eve"), (snake) => assert.ok(snake?.asleep === false && snake.place === place));
  await eventually(() => snakeOf(watcher.game, "Ann")?.inputs, (inputs) => assert.ok(inputs >= 55, `${inputs}`));
  assert.equal(ann.game.refused, 0);
  assert.equal(missed, 0, "a tick was not told");
});

test("what was best outlives the server, and who played plays again", async (t) => {
  const program = await start(t, "--robots", "0");
  const [ann, watcher] = [await at(t, program, "Ann"), await at(t, program)];
  scores(ann);
  const best = await eventually(() => watcher.game.best.get("Ann"), (points) => (assert.ok(points > 0), points));
  const { tick } = watcher.game.state;
  await program.killRoomd();
  await eventually(() => watcher.game.state.tick, (now) => assert.ok(now < tick, "it is the old arena"));
  await eventually(() => ann.game.mine, (mine) => assert.ok(mine && !mine.asleep));
  const late = await at(t, program);
  await eventually(() => late.game.best.get("Ann"), (points) => assert.ok(points >= best));
});

test("the page is played with keys, a mouse and a finger, and shows how the ticks are", async (t) => {
  const program = await start(t);
  const views = { "": {}, "-dark": { colorScheme: "dark" }, "-phone": PHONE };
  const pages = {};
  for (const [view, options] of Object.entries(views)) {
    const { page } = await person(options);
    await page.goto(program.address);
    pages[view] = page;
  }
  const watcher = await at(t, program);
  for (const [view, name] of Object.entries({ "": "Ann", "-phone": "Bob" })) {
    await pages[view].getByLabel("Your name").fill(name);
    await pages[view].getByRole("button", { name: "Play" }).click();
    await eventually(() => snakeOf(watcher.game, name), (snake) => assert.ok(snake && !snake.asleep));
  }
  const heading = ({ trail: [head, neck] }) => Math.atan2(head.y - neck.y, head.x - neck.x);
  // Each way of steering goes on until the snake goes there: it may have to begin again meanwhile.
  const goes = (name, act, is) =>
    eventually(async () => {
      await act();
      return snakeOf(watcher.game, name);
    }, (snake) => assert.ok(snake?.trail.length > 1 && is(snake), `${name} does not go there`));
  const pointer = async (page, x, y) => {
    const box = await page.locator("#arena").boundingBox();
    return [box.x + (x / FIELD.width) * box.width, box.y + (y / FIELD.height) * box.height];
  };
  const towards = (x, y) => (snake) => {
    const wanted = Math.atan2(y - snake.trail[0].y, x - snake.trail[0].x);
    return Math.cos(heading(snake) - wanted) > 0.8;
  };
  await goes("Ann", async () => pages[""].mouse.move(...(await pointer(pages[""], 800, 300)), { steps: 2 }), towards(800, 300));
  await goes("Bob", async () => pages["-phone"].touchscreen.tap(...(await pointer(pages["-phone"], 800, 700))), towards(800, 700));
  const before = heading(await eventually(() => snakeOf(watcher.game, "Ann"), (snake) => (assert.ok(snake?.trail.length > 2), snake)));
  await pages[""].keyboard.down("ArrowRight");
  await goes("Ann", async () => {}, (snake) => Math.cos(heading(snake) - before) < 0.3);
  await pages[""].keyboard.up("ArrowRight");

  const figures = () => Promise.all(["p50", "p99", "max", "answer"].map((id) => pages[""].locator(`#${id}`).innerText()));
  await eventually(figures, (texts) => {
    const [p50, p99, max, answer] = texts.map((text) => (assert.match(text, /^[\d.]+ ms$/), parseFloat(text)));
    assert.ok(p50 <= p99 && p99 <= max && max > 0 && answer > 0, texts.join());
  });
  const { place } = snakeOf(watcher.game, "Ann");
  await pages[""].reload();
  await pages[""].locator("#playing").waitFor();
  await eventually(() => snakeOf(watcher.game, "Ann"), (snake) => assert.ok(snake && !snake.asleep && snake.place === place));
  for (const [view, page] of Object.entries(pages)) await look(page, `apps-game${view}`);
  await pages[""].getByRole("button", { name: "Leave" }).click();
  await pages[""].getByRole("button", { name: "Play" }).waitFor();
  await eventually(() => snakeOf(watcher.game, "Ann"), (snake) => assert.equal(snake, undefined));
  faultless();
});
