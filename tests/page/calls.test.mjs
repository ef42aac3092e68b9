// calls.js alone over real WebRTC connections, in tabs with fake microphones and cameras.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fixtures } from "./harness/fixtures.mjs";

const { server, person, faultless } = fixtures();

/** A member of a room with the module, on a page that has nothing else. */
async function device({ http }, user, { context } = {}) {
  const page = context ? await context.newPage() : (await person()).page;
  page.setDefaultTimeout(20_000);
  await page.goto(`${http}/healthz`);
  await page.evaluate(async (user) => {
    const { Calls } = await import("/assets/calls.js");
    const socket = new WebSocket(`ws://${location.host}/ws?room=den&user=${user}&format=json`);
    const joined = new Promise((resolve) => {
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        if (event.type === "joined") resolve();
        const signal = ["offer", "answer", "ice-candidate", "hangup"].includes(event.type) && [event.type, event.from, event.payload];
        if (signal && window.held) window.held.push(signal);
        else if (signal) calls.handleSignal(...signal);
        if (event.type === "leave") calls.memberLeft(event.room, event.user);
        if (event.type === "error" && event.code === "user_offline") calls.unreachable(event.id);
      };
    });
    window.ended = [];
    window.connections = [];
    window.calls = new Calls({
      user,
      send: (type, to, payload) => socket.send(JSON.stringify({ type, to, payload, id: to })),
      change: (state) => (window.state = state),
      ended: ({ reason }) => window.ended.push(reason),
      connect: (configuration) => window.connections[window.connections.push(new RTCPeerConnection(configuration)) - 1],
    });
    await joined;
  }, user);
  const until = (check, wanted) => page.waitForFunction(check, wanted, { polling: 50 });
  return {
    user,
    page,
    call: (users, how) => page.evaluate(([users, how]) => calls.call("den", users, how), [users, how]),
    accept: () => page.evaluate(() => calls.accept()),
    hangUp: () => page.evaluate(() => calls.hangUp()),
    rings: () => until(() => window.state?.phase === "ringing"),
    connected: (count) =>
      until((count) => window.state?.members.filter(({ status, stream }) => status === "connected" && stream).length === count, count),
    // Waits for a video frame of each other member.
    sees: () =>
      page.evaluate(() => {
        const shown = ({ stream }) =>
          new Promise((resolve) => {
            const video = Object.assign(document.createElement("video"), { muted: true, srcObject: stream });
            video.requestVideoFrameCallback(resolve);
            video.play();
          });
        return Promise.all(state.members.map(shown)).then((frames) => frames.length);
      }),
    over: (reason) => until((reason) => !window.state && window.ended.at(-1) === reason, reason),
    // Waits for audio over every connection.
    hears: () =>
      until(async () => {
        const reports = await Promise.all(connections.map((line) => line.getStats()));
        const audio = ({ type, kind, bytesReceived }) => type === "inbound-rtp" && kind === "audio" && bytesReceived > 0;
        return reports.every((report) => [...report.values()].some(audio));
      }),
  };
}

test("two tabs connect, exchange audio and video, and hang up", async () => {
  const roomd = await server();
  const [ann, bob] = [await device(roomd, "Ann"), await device(roomd, "Bob")];
  assert.equal(await ann.call(["Bob"], { video: true }), true);
  await bob.rings();
  await bob.accept();
  for (const each of [ann, bob]) {
    await each.connected(1);
    assert.equal(await each.sees(), 1);
    await each.hears();
  }
  await ann.hangUp();
  await bob.over("left");
  await ann.over("hung-up");
  faultless();
});

test("both turn their cameras on at the same moment, again and again", async () => {
  const roomd = await server();
  const [ann, bob] = [await device(roomd, "Ann"), await device(roomd, "Bob")];
  await ann.call(["Bob"]);
  await bob.rings();
  await bob.accept();
  await Promise.all([ann.connected(1), bob.connected(1)]);
  for (const on of [true, false, true, false, true]) {
    await Promise.all([ann, bob].map(({ page }) => page.evaluate((on) => calls.camera(on), on)));
    for (const { page } of [ann, bob]) await page.waitForFunction((on) => state.members[0].camera === on, on);
  }
  for (const each of [ann, bob]) {
    assert.equal(await each.sees(), 1);
    // Turning the camera off and on again reuses the transceiver.
    assert.equal(await each.page.evaluate(() => connections[0].getTransceivers().length), 2);
  }
  await ann.page.evaluate(() => calls.mute(true));
  await bob.page.waitForFunction(() => state.members[0].muted);
  assert.deepEqual(await bob.page.evaluate(() => state.members[0].status), "connected");
  faultless();
});

test("four members form a mesh, and the call continues when one closes the tab", async () => {
  const roomd = await server("--rate-burst", "1000", "--rate-per-s", "1000");
  const all = [];
  for (const user of ["Ann", "Bob", "Carl", "Dora"]) all.push(await device(roomd, user));
  const [ann, bob, carl, dora] = all;
  await ann.call(["Bob", "Carl", "Dora"]);
  await Promise.all([bob, carl, dora].map((each) => each.rings()));
  await Promise.all([bob, carl, dora].map((each) => each.accept()));
  await Promise.all(all.map((each) => each.connected(3)));
  await dora.page.close();
  await Promise.all([ann, bob, carl].map((each) => each.connected(2)));
  await Promise.all([ann.hangUp(), bob.hangUp()]);
  await carl.over("left");
  faultless();
});

test("two users who ring each other at once get one call", async () => {
  const roomd = await server();
  const [ann, bob] = [await device(roomd, "Ann"), await device(roomd, "Bob")];
  const pages = [ann.page, bob.page];
  for (const page of pages) await page.evaluate(() => (window.held = []));
  await Promise.all([ann.call(["Bob"]), bob.call(["Ann"])]);
  for (const page of pages) {
    await page.waitForFunction(() => held.length > 0);
    await page.evaluate(() => {
      for (const signal of held) calls.handleSignal(...signal);
      window.held = undefined;
    });
  }
  await Promise.all([ann.connected(1), bob.connected(1)]);
  faultless();
});

test("a user who declines, is busy or is offline ends the call, and other devices stop ringing", async () => {
  const roomd = await server();
  const [ann, bob, desk] = [await device(roomd, "Ann"), await device(roomd, "Bob"), await device(roomd, "Bob")];
  await ann.call(["Bob"]);
  await Promise.all([bob.rings(), desk.rings()]);
  await bob.page.evaluate(() => calls.decline());
  await ann.over("declined");
  await desk.over("missed");
  await ann.call(["Bob"]);
  await Promise.all([bob.rings(), desk.rings()]);
  await desk.accept();
  await bob.over("taken");
  await ann.connected(1);
  const carl = await device(roomd, "Carl");
  await carl.call(["Ann"]);
  await carl.over("busy");
  await carl.call(["Nemo"]);
  await carl.over("unreachable");
  faultless();
});
