// The sign-in form: the user chooses a name, or enters with a token.

import { Component, createRef, html } from "./html.js";
import { userName } from "./names.js";

const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

// The headers that carry a token, if there is one.
const authorization = (token) => token && { authorization: `Bearer ${token}` };

// Registers a free name to this browser, or renews the `known` token of a name that is registered to it
// already. Resolves with {name, token, expires}; without a token where the server registers no names, and
// the user enters as a guest. Rejects with an error whose message is for the user.
export async function claim(name, known) {
  const headers = { "content-type": "application/json", ...authorization(known) };
  const response = await fetch("/api/v1/claims", { method: "POST", headers, body: JSON.stringify({ name }) });
  if (known && response.status === 401) return claim(name); // it has expired
  if (known && !response.ok) return { name, token: known }; // it is still valid, and there is no other
  if ([403, 404, 405].includes(response.status)) {
    const refusal = await refusalOf({ name });
    if (refusal) throw new Error(refusal);
    return { name };
  }
  const answer = await response.json();
  if (response.ok) return { name: answer.user ?? name, token: answer.token, expires: answer.expires };
  if (response.status === 409) throw new Error(REFUSALS[409]);
  throw new Error(answer.error?.message ?? "The server did not accept this name.");
}

const REFUSALS = {
  401: "This server admits only people with a token. Paste the token that you were given.",
  409: "This name is taken. Choose another, or paste its token here if it is yours.",
};

// Why the server would refuse this name and token, as a sentence; undefined if it would not.
export async function refusalOf({ name, token }) {
  const response = await fetch(`/api/v1/me?${new URLSearchParams({ user: name })}`, { headers: authorization(token) });
  if (![401, 403, 409].includes(response.status)) return undefined; // anything else may be temporary
  return (!token && REFUSALS[response.status]) || `${(await response.json()).error.message}.`;
}

// The identity in a token that the user was given.
async function identityOf(token) {
  const response = await fetch("/api/v1/me", { headers: authorization(token) });
  if (!response.ok) throw new Error("The server does not accept this token.");
  const { user, expires } = await response.json();
  return { name: user, token, expires };
}

export class SignIn extends Component {
  state = { problem: this.props.problem, waiting: false };
  field = createRef();

  componentDidMount() {
    this.field.current.focus();
  }

  #submit = async (event) => {
    event.preventDefault();
    const input = this.field.current.value.trim();
    const name = userName(input);
    const token = !name && TOKEN.test(input);
    if (!name && !token) return this.setState({ problem: "A name has 1 to 32 characters, without spaces or any of / ? # :" });
    this.setState({ waiting: true, problem: undefined });
    try {
      await this.props.onSignIn(await (token ? identityOf(input) : claim(name, this.props.tokenOf(name))));
    } catch ({ name, message }) {
      this.setState({ waiting: false, problem: name === "TypeError" ? "The server cannot be reached." : message });
    }
  };

  render({ room }, { problem, waiting }) {
    return html`<main class="sign-in">
      <svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path class="bubble" d="M6 4h20a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4H15l-7 6v-6H6a4 4 0 0 1-4-4V8a4 4 0 0 1 4-4z" /><path class="lines" d="M9 11h14M9 17h9" /></svg>
      <h1>Welcome</h1>
      <p class="hint">Choose a name to enter <bdi>${room}</bdi>. This browser remembers it.</p>
      <form onSubmit=${this.#submit}>
        <label for="name">Your name</label>
        <input id="name" ref=${this.field} autocomplete="nickname" autocapitalize="off" spellcheck="false" aria-describedby="name-problem" aria-invalid=${problem ? "true" : undefined} />
        <p id="name-problem" class="problem" role="alert">${problem}</p>
        <button class="primary" disabled=${waiting}>Enter</button>
      </form>
    </main>`;
  }
}
