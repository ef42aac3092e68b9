// The entry point of the page of admins: asks for a token of an admin, and shows one section at a time, which the address names.

import { BrowserStorage } from "../browser-storage.js";
import { Component, createRef, html } from "../html.js";
import { addressOf, storagePrefix } from "../names.js";
import { render } from "../vendor/preact.js";
import { Accounts } from "./accounts.js";
import { Announce } from "./announce.js";
import { Api } from "./api.js";
import { Audit } from "./audit.js";
import { Bans } from "./bans.js";
import { Connections } from "./connections.js";
import { Field, Form } from "./forms.js";
import { Webhooks } from "./hooks.js";
import { Keys } from "./keys.js";
import { Overview } from "./overview.js";
import { Rooms } from "./rooms.js";

const SECTIONS = [
  ["overview", "Overview", Overview],
  ["connections", "Connections", Connections],
  ["rooms", "Rooms", Rooms],
  ["accounts", "Accounts", Accounts],
  ["keys", "Keys", Keys],
  ["bans", "Bans", Bans],
  ["webhooks", "Webhooks", Webhooks],
  ["announce", "Announce", Announce],
  ["audit", "Audit", Audit],
];
const TOKEN = `${storagePrefix}.admin`;

const storage = new BrowserStorage();
storage.applyAppearance();

// A token that is typed in is kept for this tab alone.
const kept = {
  get token() {
    try {
      return sessionStorage.getItem(TOKEN) ?? undefined;
    } catch {
      return undefined; // storage is blocked
    }
  },
  set token(token) {
    try {
      if (token) sessionStorage.setItem(TOKEN, token);
      else sessionStorage.removeItem(TOKEN);
    } catch {
      // It lasts as long as the page.
    }
  },
};

// The admin whose token it is; rejects with a sentence for any other.
async function adminOf(token) {
  const { user, admin, allowed_rooms: rooms } = await new Api(token, () => {}).ask("GET", "me");
  if (!admin) throw new Error(`The token is ${user}'s, who is no admin of this server.`);
  if (rooms) throw new Error("The token is for some rooms alone, and this for an admin of all.");
  return user;
}

class Admin extends Component {
  state = { token: undefined, user: undefined, problem: undefined, section: sectionInAddress(), given: {}, said: "", dialog: undefined };
  heading = createRef();

  // Whoever is signed in to the chat as an admin is signed in here.
  async componentDidMount() {
    addEventListener("hashchange", this.#followAddress);
    for (const token of [kept.token, storage.me?.token].filter(Boolean)) {
      const user = await adminOf(token).catch(() => undefined);
      if (user) return this.setState({ token, user });
    }
    this.setState({ token: null });
  }

  componentDidUpdate(_, { section }) {
    if (section === this.state.section) return;
    this.heading.current?.focus();
  }

  #given = {};

  // What a section is given by another is given once.
  #followAddress = () => {
    this.setState({ section: sectionInAddress(), given: this.#given, said: "", dialog: undefined });
    this.#given = {};
  };

  #signIn = async ({ token }) => {
    const user = await adminOf(token);
    kept.token = token;
    this.setState({ token, user, problem: undefined });
  };

  #signOut = (problem) => {
    kept.token = undefined;
    this.setState({ token: null, user: undefined, problem, dialog: undefined });
  };

  #ui = {
    say: (said) => this.setState({ said }),
    open: (dialog) => this.setState({ dialog }),
    go: (section, given) => {
      this.#given = given;
      location.hash = section;
    },
  };

  #api(token) {
    if (this.api?.token !== token) this.api = { token, api: new Api(token, (problem) => this.#signOut(problem)) };
    return this.api.api;
  }

  render(_, { token, user, problem, section, given, said, dialog }) {
    if (token === undefined) return html`<main class="admin"><p class="hint">Loading…</p></main>`;
    if (token === null) return html`<${SignIn} problem=${problem} run=${this.#signIn} />`;
    const [id, title, Section] = SECTIONS.find(([id]) => id === section) ?? SECTIONS[0];
    document.title = `${title} – roomd`;
    return html`<div class="admin">
      <a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), this.heading.current.focus())}>Skip to the content</a>
      <header>
        <a class="brand" href=${addressOf("/")} title="To the chat"><img src=${addressOf("/assets/favicon.svg")} alt="" width="24" height="24" /> roomd</a>
        <span class="who"><bdi>${user}</bdi> <button type="button" class="quiet" onClick=${() => this.#signOut()}>Sign out</button></span>
      </header>
      <nav aria-label="Sections"><ul>${SECTIONS.map(([name, title]) => html`<li key=${name}><a href=${`#${name}`} aria-current=${name === id ? "page" : undefined}>${title}</a></li>`)}</ul></nav>
      <main id="main">
        <h1 ref=${this.heading} tabindex="-1">${title}</h1>
        <p class="said" role="status">${said}</p>
        <${Section} key=${id} api=${this.#api(token)} ui=${this.#ui} given=${given} />
      </main>
      ${dialog?.(() => this.setState({ dialog: undefined }))}
    </div>`;
  }
}

function SignIn({ problem, run }) {
  return html`<main class="sign-in">
    <h1>Administration</h1>
    <p class="hint">For admins of this server. A token is made by <code>roomd token --user NAME --admin</code>, and is kept for this tab alone.</p>
    <${Form} class="token" label="Sign in" action="Sign in" run=${run}>
      <${Field} label="Token of an admin" name="token" type="password" required autofocus />
      ${problem && html`<p class="problem">${problem}</p>`}
    </${Form}>
    <a href=${addressOf("/")}>To the chat</a>
  </main>`;
}

function sectionInAddress() {
  const name = location.hash.slice(1);
  return SECTIONS.some(([id]) => id === name) ? name : SECTIONS[0][0];
}

render(html`<${Admin} />`, document.getElementById("app"));
