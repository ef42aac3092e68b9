// The first visit: the reader takes a name.

import { Component, createRef, html } from "./html.js";
import { userName } from "./names.js";

const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

// How a request shows a token, if there is one.
const bearing = (token) => token && { authorization: `Bearer ${token}` };

// Registers a free name to this browser, or goes on under one that is registered to it already: then
// `known` is its token. Resolves with {name, token, expires}; without a token where the server registers
// nobody, and the reader goes on as a guest. Rejects with a sentence for the reader.
export async function claim(name, known) {
  const headers = { "content-type": "application/json", ...bearing(known) };
  const response = await fetch("/api/v1/claims", { method: "POST", headers, body: JSON.stringify({ name }) });
  if (known && response.status === 401) return claim(name); // it has ended
  if (known && !response.ok) return { name, token: known }; // it is good, and another is not to be had
  if ([403, 404, 405].includes(response.status)) {
    const problem = await obstacle({ name });
    if (problem) throw new Error(problem);
    return { name };
  }
  const answer = await response.json();
  if (response.ok) return { name: answer.user ?? name, token: answer.token, expires: answer.expires };
  if (response.status === 409) throw new Error(OBSTACLES[409]);
  throw new Error(answer.error?.message ?? "The server did not take this name.");
}

const OBSTACLES = {
  401: "Only those with a token may come in. Paste the one that you were given.",
  409: "Somebody else has this name. Choose another; if it is yours, paste its token here.",
};

// Why the server would let nobody in with this name and token, as a sentence; undefined when it would.
export async function obstacle({ name, token }) {
  const response = await fetch(`/api/v1/me?${new URLSearchParams({ user: name })}`, { headers: bearing(token) });
  if (![401, 403, 409].includes(response.status)) return undefined; // anything else may pass
  return (!token && OBSTACLES[response.status]) || `${(await response.json()).error.message}.`;
}

// Who is named by a token that somebody was given.
async function bearer(token) {
  const response = await fetch("/api/v1/me", { headers: bearing(token) });
  if (!response.ok) throw new Error("The server does not accept this token.");
  const { user, expires } = await response.json();
  return { name: user, token, expires };
}

export class Entry extends Component {
  state = { problem: this.props.problem, waiting: false };
  field = createRef();

  componentDidMount() {
    this.field.current.focus();
  }

  #enter = async (submit) => {
    submit.preventDefault();
    const said = this.field.current.value.trim();
    const name = userName(said);
    const token = !name && TOKEN.test(said);
    if (!name && !token) return this.setState({ problem: "A name has 1 to 32 characters: no spaces, and none of / ? # :" });
    this.setState({ waiting: true, problem: undefined });
    try {
      await this.props.onEnter(await (token ? bearer(said) : claim(name, this.props.known(name))));
    } catch ({ name, message }) {
      this.setState({ waiting: false, problem: name === "TypeError" ? "The server cannot be reached." : message });
    }
  };

  render({ room }, { problem, waiting }) {
    return html`<main class="entry">
      <svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path class="bubble" d="M6 4h20a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4H15l-7 6v-6H6a4 4 0 0 1-4-4V8a4 4 0 0 1 4-4z" /><path class="words" d="M9 11h14M9 17h9" /></svg>
      <h1>Welcome</h1>
      <p class="hint">Choose a name to enter <bdi>${room}</bdi>. This browser remembers it.</p>
      <form onSubmit=${this.#enter}>
        <label for="name">Your name</label>
        <input id="name" ref=${this.field} autocomplete="nickname" autocapitalize="off" spellcheck="false" aria-describedby="name-problem" aria-invalid=${problem ? "true" : undefined} />
        <p id="name-problem" class="problem" role="alert">${problem}</p>
        <button class="primary" disabled=${waiting}>Enter</button>
      </form>
    </main>`;
  }
}
