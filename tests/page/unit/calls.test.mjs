// The signalling of calls: devices on a fake switchboard, with fake connections.
//
// ../calls.test.mjs tests real connections in a browser.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Calls } from "../../../src/page/calls.js";
import { readSignal } from "../../../src/page/calls/signal.js";

mock.timers.enable({ apis: ["setTimeout"] });

/** A connection that is established by an offer and an answer. */
class FakeConnection {
  static all = new Map();
  static count = 0;
  signalingState = "stable";
  connectionState = "new";
  transceivers = [];

  constructor() {
    this.name = String(++FakeConnection.count);
    FakeConnection.all.set(this.name, this);
  }

  createDataChannel() {
    this.channel = { readyState: "connecting", send: (text) => this.other.channel.onmessage({ data: text }) };
    return this.channel;
  }

  addTransceiver(what) {
    this.transceivers.push(transceiver(what));
    this.negotiate();
  }

  getTransceivers() {
    return this.transceivers;
  }

  // Once for several changes, and not during a negotiation.
  negotiate() {
    this.needed = true;
    queueMicrotask(() => this.needed && this.signalingState === "stable" && this.onnegotiationneeded());
  }

  async setLocalDescription() {
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    this.localDescription = { type, sdp: this.name };
    this.signalingState = type === "offer" ? "have-local-offer" : "stable";
    this.needed = false;
    if (type === "answer") this.open();
  }

  async setRemoteDescription({ type, sdp }) {
    if (type === "answer" && this.signalingState !== "have-local-offer") throw new Error("an answer to nothing");
    this.other = FakeConnection.all.get(sdp);
    while (this.transceivers.length < this.other.transceivers.length) this.transceivers.push(transceiver(this.other.transceivers[this.transceivers.length].receiver.track.kind));
    this.signalingState = type === "offer" ? "have-remote-offer" : "stable";
    if (type === "answer") this.open();
  }

  open() {
    this.ontrack({ streams: [{ of: this.other.name }] });
    if (this.connectionState === "connected") return;
    this.connectionState = "connected";
    queueMicrotask(() => {
      this.onconnectionstatechange();
      if (this.other.connectionState !== "connected") return;
      for (const end of [this, this.other]) {
        end.channel.readyState = "open";
        end.channel.onopen();
      }
    });
  }

  restartIce() {}

  close() {
    if (this.connectionState === "closed") return;
    this.connectionState = "closed";
    this.channel.readyState = "closed";
    if (this.other?.channel.readyState === "open") queueMicrotask(() => this.other.channel.onclose());
  }

  breakDown() {
    this.connectionState = "disconnected";
    this.onconnectionstatechange();
  }
}

function transceiver(what) {
  const track = typeof what === "string" ? null : what;
  const sender = { track, setStreams() {}, replaceTrack: async (track) => (sender.track = track) };
  return { sender, receiver: { track: { kind: track?.kind ?? what } } };
}

class Stream {
  constructor(kinds) {
    this.tracks = kinds.map((kind) => ({ kind, enabled: true, stop() { this.stopped = true; }, addEventListener(_, listener) { this.end = listener; } }));
  }
  getTracks = () => this.tracks;
  getAudioTracks = () => this.tracks.filter(({ kind }) => kind === "audio");
  getVideoTracks = () => this.tracks.filter(({ kind }) => kind === "video");
  addTrack = (track) => this.tracks.push(track);
  removeTrack = (track) => (this.tracks = this.tracks.filter((each) => each !== track));
}

/** Carries signals in order to every device of a user. */
class Switchboard {
  devices = [];
  queue = [];

  device(user, { media, mayRing } = {}) {
    const device = { user, ended: [], streams: [], connections: [] };
    device.calls = new Calls({
      user,
      mayRing,
      send: (type, to, payload) => this.queue.push([type, user, to, JSON.parse(JSON.stringify(payload))]),
      change: (state) => (device.state = state),
      ended: (ended) => device.ended.push(ended.reason),
      media: media ?? (async (wanted) => {
        const stream = new Stream([...(wanted.audio ? ["audio"] : []), ...(wanted.video ? ["video"] : [])]);
        device.streams.push(stream);
        return stream;
      }),
      screen: (async (wanted) => {
        const stream = new Stream([...(wanted.audio ? ["audio"] : []), ...(wanted.video ? ["video"] : [])]);
        device.streams.push(stream);
        return stream;
      }),
      connect: () => device.connections[device.connections.push(new FakeConnection()) - 1],
    });
    this.devices.push(device);
    return device;
  }

  /** Until no signal is under way. */
  async settle() {
    for (let quiet = 0; quiet < 100; quiet = this.queue.length ? 0 : quiet + 1) {
      const signal = this.queue.shift();
      if (signal) {
        const [type, from, to, payload] = signal;
        const theirs = this.devices.filter(({ user }) => user === to);
        if (theirs.length === 0) for (const { user, calls } of this.devices) if (user === from) calls.unreachable(to);
        for (const { calls } of theirs) calls.handleSignal(type, from, payload);
      }
      await Promise.resolve();
    }
  }
}

const statuses = ({ state }) => Object.fromEntries(state.members.map(({ user, status }) => [user, status]));
const released = (device) => device.streams.every((stream) => stream.tracks.every((track) => track.stopped));

async function between(...users) {
  const board = new Switchboard();
  const devices = users.map((user) => board.device(user));
  const [caller, ...others] = devices;
  assert.ok(await caller.calls.call("den", users.slice(1)));
  await board.settle();
  for (const each of others) {
    assert.equal(each.state.phase, "ringing");
    assert.ok(await each.calls.accept());
    await board.settle();
  }
  return [board, ...devices];
}

test("a user rings, the other accepts, and both are connected until one hangs up", async () => {
  const [board, ann, bob] = await between("Ann", "Bob");
  assert.deepEqual(statuses(ann), { Bob: "connected" });
  assert.deepEqual(statuses(bob), { Ann: "connected" });
  assert.ok(ann.state.members[0].stream && bob.state.members[0].stream);
  ann.calls.hangUp();
  await board.settle();
  assert.deepEqual([ann.ended, bob.ended], [["hung-up"], ["left"]]);
  assert.equal(ann.state, undefined);
  assert.ok(released(ann) && released(bob));
  // And again.
  assert.ok(await bob.calls.call("den", ["Ann"]));
  await board.settle();
  assert.equal(ann.state.from, "Bob");
});

test("four members form a mesh, and the call continues when one leaves", async () => {
  const [board, ...all] = await between("Ann", "Bob", "Carl", "Dora");
  for (const each of all) assert.deepEqual(Object.values(statuses(each)), ["connected", "connected", "connected"], each.user);
  const [ann, bob, carl, dora] = all;
  ann.calls.hangUp();
  await board.settle();
  assert.deepEqual(statuses(bob), { Ann: "left", Carl: "connected", Dora: "connected" });
  bob.calls.memberLeft("den", "Carl");
  bob.calls.memberLeft("other", "Dora");
  assert.deepEqual(statuses(bob), { Ann: "left", Carl: "left", Dora: "connected" });
  dora.calls.hangUp();
  carl.calls.hangUp();
  await board.settle();
  assert.deepEqual(bob.ended, ["left"]);
  assert.equal(await ann.calls.call("den", ["B", "C", "D", "E"]), false, "five are too many");
});

test("members who accept at the same moment connect to each other", async () => {
  const board = new Switchboard();
  const [ann, bob, carl] = ["Ann", "Bob", "Carl"].map((user) => board.device(user));
  await ann.calls.call("den", ["Bob", "Carl"]);
  await board.settle();
  await Promise.all([bob.calls.accept(), carl.calls.accept()]);
  await board.settle();
  for (const each of [ann, bob, carl]) assert.deepEqual(Object.values(statuses(each)), ["connected", "connected"], each.user);
});

test("a user who declines, is busy, is offline or does not answer ends the call with that reason", async () => {
  for (const [reason, act] of [
    ["declined", async (bob) => bob.calls.decline()],
    ["no-answer", async () => mock.timers.tick(45_000)],
    ["left", async (bob, ann) => ann.calls.memberLeft("den", "Bob")],
  ]) {
    const board = new Switchboard();
    const [ann, bob] = [board.device("Ann"), board.device("Bob")];
    await ann.calls.call("den", ["Bob"]);
    await board.settle();
    await act(bob, ann);
    await board.settle();
    assert.deepEqual(ann.ended, [reason]);
    if (reason !== "left") assert.equal(bob.state, undefined, reason);
    assert.ok(released(ann));
  }
  const [board, , bob] = await between("Ann", "Bob");
  const carl = board.device("Carl");
  await carl.calls.call("den", ["Bob"]);
  await board.settle();
  assert.deepEqual([carl.ended, bob.state.members[0].status], [["busy"], "connected"]);
  await carl.calls.call("den", ["Nemo"]);
  await board.settle();
  assert.deepEqual(carl.ended, ["busy", "unreachable"]);
});

test("a call stops ringing when the caller cancels it or vanishes", async () => {
  const board = new Switchboard();
  const [ann, bob] = [board.device("Ann"), board.device("Bob")];
  await ann.calls.call("den", ["Bob"]);
  await board.settle();
  ann.calls.hangUp();
  await board.settle();
  assert.deepEqual([ann.ended, bob.ended], [["hung-up"], ["missed"]]);
  await ann.calls.call("den", ["Bob"]);
  await board.settle();
  board.devices.splice(0, 1);
  mock.timers.tick(60_000);
  assert.deepEqual(bob.ended, ["missed", "missed"]);
});

test("one of a user's devices accepts or declines for all, and the others stop ringing", async () => {
  const board = new Switchboard();
  const [ann, phone, desk] = ["Ann", "Bob", "Bob"].map((user) => board.device(user));
  await ann.calls.call("den", ["Bob"]);
  await board.settle();
  assert.ok(phone.state && desk.state);
  await desk.calls.accept();
  await board.settle();
  assert.deepEqual([phone.ended, statuses(ann), statuses(desk)], [["taken"], { Bob: "connected" }, { Ann: "connected" }]);
  ann.calls.hangUp();
  await board.settle();
  await ann.calls.call("den", ["Bob"]);
  await board.settle();
  phone.calls.decline();
  await board.settle();
  assert.deepEqual([ann.ended.at(-1), desk.ended.at(-1)], ["declined", "missed"]);
  // Both accept at once: the caller connects to one of them.
  await ann.calls.call("den", ["Bob"]);
  await board.settle();
  await Promise.all([phone.calls.accept(), desk.calls.accept()]);
  await board.settle();
  assert.equal([phone, desk].filter((device) => device.state).length, 1);
  assert.deepEqual(statuses(ann), { Bob: "connected" });
});

test("two users who ring each other at once are in one call without accepting", async () => {
  const board = new Switchboard();
  const [ann, bob] = [board.device("Ann"), board.device("Bob")];
  await Promise.all([ann.calls.call("den", ["Bob"]), bob.calls.call("den", ["Ann"])]);
  await board.settle();
  assert.deepEqual([statuses(ann), statuses(bob)], [{ Bob: "connected" }, { Ann: "connected" }]);
  assert.equal(ann.state.from, bob.state.from);
  assert.deepEqual([ann.ended, bob.ended], [[], []]);
  bob.calls.hangUp();
  await board.settle();
  assert.ok(released(ann) && released(bob));
});

test("two users who ring the same third user at once are in one call with them", async () => {
  const board = new Switchboard();
  const [ann, bob, carl] = ["Ann", "Bob", "Carl"].map((user) => board.device(user));
  await Promise.all([ann.calls.call("den", ["Bob", "Carl"]), bob.calls.call("den", ["Ann", "Carl"])]);
  await board.settle();
  assert.equal(carl.state.phase, "ringing");
  await carl.calls.accept();
  await board.settle();
  for (const each of [ann, bob, carl]) assert.deepEqual(Object.values(statuses(each)), ["connected", "connected"], each.user);
});

test("a user is invited into a call, and all members see it", async () => {
  const [board, ann, bob] = await between("Ann", "Bob");
  const carl = board.device("Carl");
  assert.ok(bob.calls.invite(["Carl"]));
  await board.settle();
  assert.deepEqual([statuses(ann), carl.state.from], [{ Bob: "connected", Carl: "ringing" }, "Bob"]);
  await carl.calls.accept();
  await board.settle();
  for (const each of [ann, bob, carl]) assert.deepEqual(Object.values(statuses(each)), ["connected", "connected"], each.user);
  assert.equal(ann.calls.invite(["Dora", "Eve"]), false, "five are too many");
});

test("all members see that an invited user does not answer", async () => {
  const [board, ann, bob] = await between("Ann", "Bob");
  board.device("Carl");
  bob.calls.invite(["Carl"]);
  await board.settle();
  mock.timers.tick(60_000);
  await board.settle();
  for (const each of [ann, bob]) assert.equal(statuses(each).Carl, "no-answer", each.user);
  assert.deepEqual([statuses(ann).Bob, statuses(bob).Ann], ["connected", "connected"]);
});

test("members see who is muted and whose camera is on", async () => {
  const [board, ann, bob] = await between("Ann", "Bob");
  const shown = () => [bob.state.members[0].muted, bob.state.members[0].camera];
  assert.deepEqual(shown(), [false, false]);
  ann.calls.mute(true);
  assert.deepEqual([ann.state.muted, shown()], [true, [true, false]]);
  assert.equal(ann.streams[0].getAudioTracks()[0].enabled, false);
  await ann.calls.camera(true);
  await board.settle();
  const sent = () => ann.connections[0].transceivers.map(({ sender }) => sender.track?.kind);
  assert.deepEqual([ann.state.camera, shown(), sent()], [true, [true, true], ["audio", "video"]]);
  await ann.calls.camera(false);
  await board.settle();
  assert.deepEqual([ann.state.camera, shown(), sent()], [false, [true, false], ["audio", undefined]]);
  assert.deepEqual(statuses(bob), { Ann: "connected" });
});

test("a lost connection may recover for a while, and is then given up", async () => {
  const [board, ann, bob] = await between("Ann", "Bob");
  ann.connections[0].breakDown();
  assert.deepEqual(statuses(ann), { Bob: "reconnecting" });
  ann.connections[0].connectionState = "connected";
  ann.connections[0].onconnectionstatechange();
  mock.timers.tick(15_000);
  assert.deepEqual(statuses(ann), { Bob: "connected" });
  ann.connections[0].breakDown();
  mock.timers.tick(15_000);
  assert.deepEqual(ann.ended, ["lost"]);
  await board.settle();
  assert.deepEqual(bob.ended, ["left"]);
});

test("a user who has accepted does not wait forever for a caller that has vanished", async () => {
  const board = new Switchboard();
  const [ann, bob] = [board.device("Ann"), board.device("Bob")];
  await ann.calls.call("den", ["Bob"]);
  await board.settle();
  board.devices.splice(0, 1);
  await bob.calls.accept();
  await board.settle();
  mock.timers.tick(30_000);
  assert.deepEqual(bob.ended, ["lost"]);
  assert.ok(released(bob));
});

test("without a microphone nobody is rung, and an incoming call is declined", async () => {
  const board = new Switchboard();
  const denied = async () => {
    throw new DOMException("denied", "NotAllowedError");
  };
  const [ann, bob] = [board.device("Ann", { media: denied }), board.device("Bob")];
  assert.equal(await ann.calls.call("den", ["Bob"]), false);
  await board.settle();
  assert.deepEqual([ann.ended, bob.state], [["no-media"], undefined]);
  await bob.calls.call("den", ["Ann"]);
  await board.settle();
  assert.equal(await ann.calls.accept(), false);
  await board.settle();
  assert.deepEqual([ann.ended.at(-1), bob.ended], ["no-media", ["declined"]]);
});

test("a screen takes the place of the camera, until either side of the browser ends it", async () => {
  const [board, ann, bob] = await between("Ann", "Bob");
  const shown = () => [bob.state.members[0].camera, bob.state.members[0].screen];
  const tracks = () => ann.state.stream.getVideoTracks();
  await ann.calls.camera(true);
  const [camera] = tracks();
  await ann.calls.screen(true);
  await board.settle();
  assert.deepEqual([ann.state.camera, ann.state.screen, shown(), tracks().length, camera.stopped], [false, true, [true, true], 1, true]);
  const [screen] = tracks();
  assert.equal(ann.connections[0].transceivers[1].sender.track, screen);
  screen.end(); // as the browser's own button does
  await board.settle();
  assert.deepEqual([ann.state.screen, shown(), tracks().length], [false, [false, false], 0]);
  await ann.calls.screen(true);
  await ann.calls.camera(true);
  await board.settle();
  assert.deepEqual([ann.state.camera, ann.state.screen, shown()], [true, false, [true, false]]);
  screen.end(); // of a track that is no longer sent
  await board.settle();
  assert.deepEqual([ann.state.camera, shown()], [true, [true, false]]);
  await ann.calls.screen(true);
  await ann.calls.screen(false);
  await board.settle();
  assert.deepEqual([ann.state.screen, shown()], [false, [false, false]]);
  ann.calls.hangUp();
  assert.ok(released(ann));
});

test("a video call becomes an audio call without a camera", async () => {
  const board = new Switchboard();
  const blind = async ({ video }) => {
    if (video) throw new DOMException("none", "NotFoundError");
    return new Stream(["audio"]);
  };
  const [ann, bob] = [board.device("Ann"), board.device("Bob", { media: blind })];
  await ann.calls.call("den", ["Bob"], { video: true });
  await board.settle();
  assert.equal(bob.state.video, true);
  await bob.calls.accept();
  await board.settle();
  assert.deepEqual([ann.state.camera, bob.state.camera, statuses(ann).Bob], [true, false, "connected"]);
});

test("a call from outside the room, or to somebody else, does not ring", async () => {
  const board = new Switchboard();
  const bob = board.device("Bob", { mayRing: (room, user) => room === "den" && user === "Ann" });
  const ring = { call: "c1", device: "d1", room: "den", video: false, members: ["Ann", "Bob"] };
  for (const [from, change] of [
    ["Carl", { members: ["Carl", "Bob"] }],
    ["Ann", { room: "other" }],
    ["Ann", { members: ["Ann", "Carl"] }],
    ["Ann", { members: ["Bob", "Carl"] }],
    ["Ann", { members: ["Ann", "Bob", "C", "D", "E"] }],
  ]) {
    bob.calls.handleSignal("offer", from, { ...ring, ...change });
    assert.equal(bob.state, undefined, JSON.stringify(change));
  }
  bob.calls.handleSignal("offer", "Ann", ring);
  assert.equal(bob.state.phase, "ringing");
});

test("signals from strangers and of other calls are ignored", async () => {
  const [board, ann, bob] = await between("Ann", "Bob");
  const before = JSON.stringify(bob.state);
  const signal = { call: "another", device: "d1" };
  bob.calls.handleSignal("hangup", "Ann", { ...signal, reason: "left" });
  bob.calls.handleSignal("answer", "Ann", { ...signal, accept: true });
  for (const [type, payload] of [
    ["offer", null], ["offer", 7], ["offer", {}], ["offer", { ...signal, to: "x", description: { type: "answer", sdp: "" } }],
    ["answer", { ...signal }], ["ice-candidate", { ...signal, to: "x", candidate: null }], ["hangup", { ...signal, reason: "x" }],
    ["hangup", { ...signal, reason: "taken" }], ["offer", { ...signal, call: "x".repeat(65) }], ["nonsense", signal],
  ]) {
    assert.equal(readSignal(type, payload), undefined, `${type} ${JSON.stringify(payload)}`);
    bob.calls.handleSignal(type, "Ann", payload);
  }
  await board.settle();
  assert.equal(JSON.stringify(bob.state), before);
  assert.equal(ann.state.phase, "in-call");
});
