// One WebSocket to the server, watched while it lives and reopened when it breaks.
//
// What wants an answer waits in line and one is under way at a time, so that messages keep their
// order even when one of them is refused for its rate and sent again. Messages outlive the
// connection. Commands do not: whoever needs one gives it again after `welcome`.

const RETRY_MS = 500; // the first delay; it doubles with each attempt
const RETRY_MS_MAX = 30_000;
const STEADY_MS = 10_000; // a connection that lived this long starts the delays anew
const SILENCE_MS = 30_000; // after this the server is asked for a sign of life
const ANSWER_MS = 15_000; // without an answer for this long the connection is given up
const PAUSE_MS = 1_000; // when a refusal for rate does not say how long

const REFUSED_FOR_NOW = new Set(["rate_limited", "too_many_requests", "draining"]);

// Closes after which trying again would end the same way, and what to tell the reader.
const FINAL = new Map([
  [1002, "The server could not understand this page."],
  [1003, "The server could not understand this page."],
  [1007, "The server could not understand this page."],
  [1009, "The message was too large."],
  [4401, "The server did not accept your sign-in."],
  [4403, "You may not connect to this server."],
  [4409, "This session went on in another window."],
]);

const PASSING = new Map([
  [1001, "The server is shutting down."],
  [4408, "The connection was silent for too long."],
  [4429, "You sent too much."],
  [4450, "The connection was too slow."],
  [4503, "The server is restarting."],
]);

export class Connection {
  #url;
  #on;
  #socket = null;
  #timer = 0;
  #attempts = 0;
  #goodbye = null;
  #welcomed = false;
  #messageBytes = 65_536;
  #openedAt = 0;
  #heardAt = 0;
  #askedAt = 0;
  #pausedUntil = 0;
  #lastId = 0;
  #underWay = null;
  #commands = [];
  #messages = [];

  // `on.state({phase, reason, retryAt})` with phase connecting, online, waiting or closed;
  // `on.event(event)` for what answers no command; `on.pause(message, until)` after a refusal for rate.
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    setInterval(() => this.#watch(), 1_000);
    addEventListener("online", () => {
      if (this.#timer) this.open();
    });
  }

  open() {
    this.#drop();
    this.#goodbye = null;
    this.#openedAt = Date.now();
    this.#socket = new WebSocket(this.#url);
    this.#socket.onmessage = (frame) => this.#receive(frame.data);
    this.#socket.onclose = (close) => this.#lost(close.code);
    this.#on.state({ phase: "connecting" });
  }

  // Ends the connection for good.
  close(reason) {
    this.#drop();
    this.#on.state({ phase: "closed", reason });
  }

  // For commands without an answer; not sent at all while there is no connection or a pause.
  send(command) {
    if (this.#welcomed && Date.now() >= this.#pausedUntil) this.#socket.send(JSON.stringify(command));
  }

  // `done` gets the one reply or error; it is never called if there is no connection or it breaks before.
  request(command, done) {
    if (!this.#welcomed) return;
    this.#commands.push({ command, done });
    this.#pump();
  }

  // `done` gets the one reply or error, after as many connections as it takes.
  deliver(command, done) {
    this.#messages.push({ command, done });
    this.#pump();
  }

  // How many bytes the message is over what the server takes; 0 or less if it fits. A frame may be
  // twice the text and a little more: control characters alone can make it longer.
  excess(command) {
    const bytes = (text) => new TextEncoder().encode(text).length;
    const max = this.#messageBytes;
    return Math.max(bytes(command.message) - max, bytes(JSON.stringify(command)) - 2 * max);
  }

  #pump() {
    if (!this.#welcomed || this.#underWay || Date.now() < this.#pausedUntil) return;
    const line = this.#commands.length ? this.#commands : this.#messages;
    if (!line.length) return;
    const id = ++this.#lastId;
    this.#underWay = { id, line, sentAt: Date.now() };
    this.#socket.send(JSON.stringify({ ...line[0].command, id }));
  }

  #receive(text) {
    let event;
    try {
      event = JSON.parse(text);
    } catch {
      return;
    }
    if (event === null || typeof event !== "object") return;
    this.#heardAt = Date.now();
    this.#askedAt = 0;
    if (event.type === "welcome") this.#welcome(event);
    else if (event.type === "goodbye") this.#goodbye = event;
    else if (event.type === "pong") return;
    else if (this.#underWay && event.id === this.#underWay.id) this.#answer(event);
    else if (isForNow(event)) this.#pause(event);
    else this.#on.event(event);
  }

  #welcome(event) {
    this.#welcomed = true;
    this.#messageBytes = event.limits?.message_bytes ?? this.#messageBytes;
    this.#on.state({ phase: "online" });
    this.#on.event(event);
    this.#pump();
  }

  #answer(event) {
    const { line } = this.#underWay;
    this.#underWay = null;
    if (isForNow(event)) {
      this.#pause(event);
      return;
    }
    line.shift().done(event);
    this.#pump();
  }

  #pause(error) {
    const ms = error.retry_after_ms ?? PAUSE_MS;
    this.#pausedUntil = Date.now() + ms;
    this.#on.pause(error.message, this.#pausedUntil);
    setTimeout(() => {
      this.#pausedUntil = 0;
      this.#pump();
    }, ms);
  }

  // A network that vanishes closes nothing: only silence tells.
  #watch() {
    if (!this.#socket) return;
    const now = Date.now();
    const since = (at) => (at ? now - at : 0);
    const unwelcome = this.#welcomed ? 0 : since(this.#openedAt);
    if (Math.max(unwelcome, since(this.#askedAt), since(this.#underWay?.sentAt)) > ANSWER_MS) {
      this.#lost(0);
    } else if (this.#welcomed && !this.#askedAt && since(this.#heardAt) > SILENCE_MS) {
      this.#askedAt = now;
      this.#socket.send('{"type":"ping"}');
    }
  }

  #lost(code) {
    const poison = FINAL.has(code) && this.#underWay?.line === this.#messages;
    const welcomed = this.#welcomed;
    const goodbye = this.#goodbye;
    this.#drop();
    if (poison) this.#messages.shift().done({ type: "error", code: "closed", message: FINAL.get(code) });
    if (FINAL.has(code) || goodbye?.reconnect === false) {
      this.#on.state({ phase: "closed", reason: FINAL.get(code) ?? "The server ended the connection." });
      return;
    }
    if (welcomed && Date.now() - this.#openedAt > STEADY_MS) this.#attempts = 0;
    const grown = Math.min(RETRY_MS * 2 ** this.#attempts++, RETRY_MS_MAX);
    const ms = (goodbye?.retry_after_ms ?? grown / 2) + (Math.random() * grown) / 2; // never all at once
    this.#timer = setTimeout(() => this.open(), ms);
    const reason = PASSING.get(code) ?? (welcomed ? "The connection was lost." : "The server cannot be reached.");
    this.#on.state({ phase: "waiting", reason, retryAt: Date.now() + ms });
  }

  // Forgets the socket, so that nothing it still has to say is heard, and what waited for it.
  #drop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#socket) {
      this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
    }
    this.#socket = null;
    this.#welcomed = false;
    this.#askedAt = 0;
    this.#underWay = null;
    this.#commands.length = 0;
  }
}

function isForNow(event) {
  return event.type === "error" && REFUSED_FOR_NOW.has(event.code);
}
