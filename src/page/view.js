// Shows the state in the document and tells the actions what the reader does; decides nothing.
//
// Text from others only ever becomes text nodes, names inside <bdi>, so that neither markup nor
// direction marks reach beyond their own line.

import { byId, clock, element, name, onClick, onSubmit, patch, setText } from "/assets/dom.js";

const MEMBERS_SHOWN = 200;
const TYPISTS_SHOWN = 3;
const PREVIEW_CHARS = 2_000;
const PREVIEW_LINES = 24;
const BOTTOM_PX = 40;

const WIDE = matchMedia("(min-width: 60rem)"); // as in style.css: no panel covers another

const PHASES = {
  connecting: "Connecting…",
  online: "Connected",
  waiting: "Disconnected",
  closed: "Disconnected",
};

export class View {
  #actions;
  #shown = null; // the room whose lines are in the log
  #newest = {}; // its newest settled and unsent entries
  #atBottom = true;

  constructor(actions) {
    this.#actions = actions;
    this.#listenToForms();
    this.#listenToPanels();
    this.#listenToLog();
  }

  // `name` fills the field; `problem` says why it is asked again.
  askName(name, problem) {
    byId("chat").hidden = true;
    byId("entry").hidden = false;
    byId("name").value = name ?? "";
    byId("name-error").textContent = problem ?? "";
    byId("name").focus();
  }

  showChat() {
    byId("entry").hidden = true;
    byId("chat").hidden = false;
  }

  // After the reader chose a room: its draft, and the focus where the next word goes.
  turnTo(room) {
    byId("text").value = room?.draft ?? "";
    this.#closePanels();
    if (WIDE.matches) byId("text").focus();
  }

  render(state, now) {
    this.#renderHeader(state);
    this.#renderBanners(state, now);
    this.#renderRooms(state);
    this.#renderMembers(state);
    this.#renderLog(state);
    this.#renderTyping(state);
  }

  #listenToForms() {
    const actions = this.#actions;
    onSubmit("name-form", () => {
      byId("name-error").textContent = actions.enter(byId("name").value) ?? "";
    });
    onSubmit("join-form", () => {
      const problem = actions.join(byId("join-name").value);
      byId("join-error").textContent = problem ?? "";
      if (!problem) byId("join-name").value = "";
    });
    const text = byId("text");
    onSubmit("composer", () => {
      if (text.value.trim() && actions.say(text.value)) text.value = "";
      text.focus();
    });
    text.addEventListener("input", () => actions.write(text.value));
    text.addEventListener("keydown", (key) => {
      if (key.key !== "Enter" || key.shiftKey || key.isComposing) return;
      key.preventDefault();
      byId("composer").requestSubmit();
    });
    onClick("refresh", () => actions.refresh());
    onClick("rename", () => actions.rename());
    onClick("retry", () => actions.retry());
    onClick("dismiss", () => actions.dismiss());
    byId("away").addEventListener("change", (change) => actions.away(change.target.checked));
  }

  #listenToPanels() {
    for (const toggle of document.querySelectorAll(".toggle")) {
      toggle.addEventListener("click", () => {
        const open = toggle.getAttribute("aria-expanded") !== "true";
        this.#closePanels();
        if (!open) return;
        const panel = byId(toggle.getAttribute("aria-controls"));
        toggle.setAttribute("aria-expanded", "true");
        panel.classList.add("open");
        panel.focus();
        byId("talk").inert = true; // it is behind the panel
        if (panel.id === "rooms-panel") this.#actions.refresh();
      });
    }
    WIDE.addEventListener("change", () => this.#closePanels());
    document.addEventListener("keydown", (key) => {
      if (key.key === "Escape") this.#closePanels();
    });
  }

  #closePanels() {
    const toggle = document.querySelector(".toggle[aria-expanded=true]");
    if (!toggle) return;
    const panel = byId(toggle.getAttribute("aria-controls"));
    toggle.setAttribute("aria-expanded", "false");
    if (panel.contains(document.activeElement)) toggle.focus();
    panel.classList.remove("open");
    byId("talk").inert = false;
  }

  #listenToLog() {
    const log = byId("log");
    log.addEventListener("scroll", () => {
      this.#atBottom = log.scrollHeight - log.scrollTop - log.clientHeight < BOTTOM_PX;
      if (this.#atBottom) byId("jump").hidden = true;
    });
    new ResizeObserver(() => this.#atBottom && toBottom(log)).observe(log);
    onClick("jump", () => {
      toBottom(log);
      log.focus();
    });
  }

  #renderHeader({ me, away, active, rooms, connection }) {
    const unread = [...rooms.values()].reduce((sum, room) => sum + room.unread, 0);
    const elsewhere = unread - (active?.unread ?? 0);
    setText("title", active?.name ?? "No room");
    setText("state", PHASES[connection.phase] + (active?.kind === "private" ? " · private" : ""));
    byId("state").dataset.phase = connection.phase;
    setText("me", me);
    byId("away").checked = away;
    setText("unread-all", elsewhere);
    byId("unread-all").hidden = elsewhere === 0;
    setText("member-count", active?.kind === "room" ? active.members.size : "");
    // First-strong isolates: a name's direction marks must not turn the rest of the title round.
    const title = `${unread ? `(${unread}) ` : ""}${active ? `\u2068${active.name}\u2069 – ` : ""}roomd`;
    if (document.title !== title) document.title = title;
  }

  #renderBanners({ connection, problem }, now) {
    const { phase, reason, retryAt } = connection;
    byId("outage").hidden = phase !== "waiting" && phase !== "closed";
    setText("outage-reason", reason ?? "");
    setText("outage-countdown", phase === "waiting" ? `Trying again ${inSeconds(retryAt - now)}.` : "");
    byId("problem").hidden = !problem;
    setText("problem-text", problem?.text ?? "");
    setText("problem-countdown", problem?.until ? `Going on ${inSeconds(problem.until - now)}.` : "");
  }

  #renderRooms({ rooms, active, publicRooms }) {
    const actions = this.#actions;
    patch(byId("rooms"), [...rooms.values()], (room) => room.key, (room) => {
      const open = element("button", "name", name(room.name), element("span", "count"));
      open.addEventListener("click", () => actions.turn(room));
      const leave = element("button", "quiet", "×");
      leave.setAttribute("aria-label", `Leave ${room.name}`);
      leave.addEventListener("click", () => actions.leave(room));
      return element("li", room.kind, open, leave);
    }, (item, room) => {
      const [open] = item.children;
      if (room === active) open.setAttribute("aria-current", "true");
      else open.removeAttribute("aria-current");
      open.lastChild.textContent = room.unread || "";
      open.title = room.unread ? `${room.unread} unread` : "";
    });
    const others = publicRooms.filter(({ room }) => !rooms.has(`room/${room}`));
    patch(byId("public-rooms"), others, ({ room }) => room, ({ room }) => {
      const open = element("button", "name", name(room), element("span", "hint"));
      open.addEventListener("click", () => actions.join(room));
      return element("li", "", open);
    }, (item, { members }) => {
      item.firstChild.lastChild.textContent = members;
      item.firstChild.title = members === 1 ? "1 member" : `${members} members`;
    });
    byId("no-public").hidden = others.length > 0;
  }

  #renderMembers({ me, active }) {
    const rank = { online: 0, away: 1, offline: 2 };
    const all = [...(active?.members ?? [])];
    const members = all
      .slice(0, MEMBERS_SHOWN) // before sorting: a crowd that comes and goes must not stop the page
      .map(([user, { status, lastSeen }]) => ({ user, status, lastSeen }))
      .sort((a, b) => (rank[a.status] ?? 3) - (rank[b.status] ?? 3) || a.user.localeCompare(b.user));
    patch(byId("members"), members, ({ user }) => user, ({ user }) => {
      const own = user === me;
      const row = element(own ? "span" : "button", "name", element("span", "dot"), name(user), element("span", "hint"));
      if (!own) {
        row.title = "Write privately";
        row.addEventListener("click", () => this.#actions.whisper(user));
      }
      return element("li", "", row);
    }, (item, { user, status, lastSeen }) => {
      item.dataset.status = status;
      const seen = status !== "online" && lastSeen ? ` since ${clock(lastSeen).textContent}` : "";
      const text = status === "online" ? "" : status + seen;
      item.firstChild.lastChild.textContent = user === me ? `you ${text}` : text;
    });
    byId("members-heading").hidden = active?.kind !== "room";
    const more = all.length - MEMBERS_SHOWN;
    byId("more-members").hidden = more <= 0;
    setText("more-members", `and ${more} more`);
  }

  #renderLog({ me, active }) {
    const log = byId("log");
    const entries = active ? [...active.settled, ...active.unsent] : [];
    const turned = active !== this.#shown;
    if (turned) log.setAttribute("aria-live", "off"); // do not read the whole room aloud
    patch(byId("lines"), entries, (entry) => entry, lineFor, (item, entry) => this.#updateLine(item, entry, me));
    const newest = { settled: active?.settled.at(-1), unsent: active?.unsent.at(-1) };
    const spoke = newest.unsent && newest.unsent !== this.#newest.unsent;
    if (turned || this.#atBottom || spoke) {
      this.#atBottom = true;
      byId("jump").hidden = true;
      toBottom(log);
    } else if (newest.settled !== this.#newest.settled) {
      byId("jump").hidden = false;
    }
    this.#newest = newest;
    if (!turned) return;
    this.#shown = active;
    log.setAttribute("aria-label", active ? `Messages in ${active.name}` : "Messages");
    setText("text-label", active ? `Message to ${active.name}` : "Message");
    byId("text").placeholder = active ? "Message" : "Join a room to talk";
    byId("text").disabled = !active;
    byId("composer").lastElementChild.disabled = !active;
    setTimeout(() => log.removeAttribute("aria-live"));
  }

  // What may change in a line that stands: whether the server has the message, and since when.
  #updateLine(item, entry, me) {
    const state = entry.notice ? "notice" : entry.state ?? "settled";
    if (item.dataset.state === state) return;
    item.dataset.state = state;
    if (entry.notice) return;
    item.classList.toggle("own", entry.user === me);
    const when = item.querySelector(".when");
    if (state === "settled") when.replaceChildren(clock(entry.at));
    if (state === "waiting") when.replaceChildren("waiting");
    if (state === "failed") {
      const again = element("button", "quiet", "Try again");
      const remove = element("button", "quiet", "Remove");
      again.addEventListener("click", () => this.#actions.again(entry));
      remove.addEventListener("click", () => this.#actions.remove(entry));
      when.replaceChildren(`not sent: ${entry.reason} `, again, remove);
    }
  }

  #renderTyping({ active }) {
    const typists = active ? [...active.typists.keys()] : [];
    const line = byId("typing");
    if (typists.length > TYPISTS_SHOWN) line.replaceChildren(`${typists.length} people are typing…`);
    else if (typists.length === 0) line.replaceChildren();
    else {
      const names = typists.flatMap((user, i) => (i ? [", ", name(user)] : [name(user)]));
      line.replaceChildren(...names, typists.length === 1 ? " is typing…" : " are typing…");
    }
  }
}

function lineFor(entry) {
  if (entry.notice) return element("li", "notice", name(entry.user ?? ""), ` ${entry.notice} `, clock(entry.at));
  const head = element("div", "head", name(entry.user), element("span", "when"));
  const text = element("p", "text");
  text.dir = "auto";
  const short = preview(entry.text);
  text.textContent = short;
  const line = element("li", "message", head, text);
  if (short !== entry.text) {
    const whole = element("button", "quiet", `Show all ${entry.text.length.toLocaleString()} characters`);
    whole.addEventListener("click", () => {
      text.textContent = entry.text;
      whole.remove();
    });
    line.append(whole);
  }
  return line;
}

function preview(text) {
  const lines = text.split("\n", PREVIEW_LINES).join("\n");
  const cut = lines.slice(0, PREVIEW_CHARS).replace(/[\uD800-\uDBFF]$/, "");
  return cut.length < text.length ? `${cut}…` : text;
}

function inSeconds(ms) {
  const seconds = Math.ceil(ms / 1_000);
  return seconds > 0 ? `in ${seconds} s` : "now";
}

function toBottom(log) {
  log.scrollTop = log.scrollHeight;
}
