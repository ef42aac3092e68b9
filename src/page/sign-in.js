// The sign-in form: the user chooses a name, or enters with a token.

import { Component, createRef, html } from "./html.js";
import { lazy, loadModule, UNREACHABLE } from "./loading.js";
import { addressOf, userName } from "./names.js";

const Logins = lazy("logins", "Logins");
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const LINK = /(\/chat\/[^/#?]+)?#((?:device|invite)=\w.*)$/;

// Where a link leads that was pasted in place of a name, or the code of one.
function linkIn(input) {
  const [, room = "/", hash] = LINK.exec(input) ?? [];
  if (hash) return addressOf(`${room}#${hash}`);
  return /^[0-9a-f]{32}$/i.test(input) ? addressOf(`/#device=${input.toLowerCase()}`) : undefined;
}

// The headers that carry a token, if there is one.
const authorization = (token) => token && { authorization: `Bearer ${token}` };

// Registers a free name to this browser, or renews the `known` token of a name that is registered to it
// already. Resolves with {name, token, expires}; without a token where the server registers no names, and
// the user enters as a guest. Rejects with an error whose message is for the user.
export async function claim(name, known) {
  const headers = { "content-type": "application/json", ...authorization(known) };
  const { deviceLabel } = await loadModule("device-label");
  const response = await fetch(addressOf("/api/v1/claims"), { method: "POST", headers, body: JSON.stringify({ name, label: await deviceLabel() }) });
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
  409: "This name is taken. Choose another. If it is yours, choose “Use on another device” in the settings where you are signed in, and open that link here or paste it.",
};

// Why the server would refuse this name and token, as a sentence; undefined if it would not.
export async function refusalOf({ name, token }) {
  const response = await fetch(addressOf(`/api/v1/me?${new URLSearchParams({ user: name })}`), { headers: authorization(token) });
  if (![401, 403, 409].includes(response.status)) return undefined; // anything else may be temporary
  return (!token && REFUSALS[response.status]) || `${(await response.json()).error.message}.`;
}

// The identity in a token that the user was given.
async function identityOf(token) {
  const response = await fetch(addressOf("/api/v1/me"), { headers: authorization(token) });
  if (!response.ok) throw new Error("The server does not accept this token.");
  const { user, expires } = await response.json();
  return { name: user, token, expires };
}

export class SignIn extends Component {
  state = { problem: this.props.problem, waiting: false };
  field = createRef();

  componentDidMount() {
    this.field.current.focus();
    if (this.props.about) this.props.about().then((about) => this.setState({ about }), () => {}); // the form says less then
    fetch(addressOf("/api/v1/server")).then((response) => response.json()).then((server) => this.setState({ server }), () => {}); // likewise
  }

  #submit = async (event) => {
    event.preventDefault();
    const input = this.field.current.value.trim();
    const link = linkIn(input);
    if (link) return location.assign(link);
    const name = userName(input);
    const token = !name && TOKEN.test(input);
    if (!name && !token) return this.#refuse("A name has 1 to 32 characters, without spaces or any of / ? # :");
    this.setState({ waiting: true, problem: undefined });
    try {
      await this.props.onSignIn(await (token ? identityOf(input) : claim(name, this.props.tokenOf(name))));
    } catch ({ name, code, message }) {
      this.#refuse(name === "TypeError" ? `${UNREACHABLE}.` : code === "unreachable" ? `${message}.` : message);
    }
  };

  #refuse(problem) {
    this.setState({ waiting: false, problem });
    this.field.current.select();
  }

  render({ room }, { problem, waiting, server, about }) {
    return html`<main class="sign-in">
      <svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path class="bubble" d="M6 4h20a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4H15l-7 6v-6H6a4 4 0 0 1-4-4V8a4 4 0 0 1 4-4z" /><path class="lines" d="M9 11h14M9 17h9" /></svg>
      <h1>${server?.name && server.name !== "roomd" ? html`Welcome to <bdi>${server.name}</bdi>` : "Welcome"}</h1>
      ${server?.welcome && html`<p class="greeting" dir="auto">${server.welcome}</p>`}
      ${about}
      ${server?.logins && html`<${Logins} logins=${server.logins} />`}
      <p class="hint" id="name-rule">Choose a name to enter <bdi>${room}</bdi>, without spaces. ${server?.claims ? "It becomes your own: nobody else can use it here, and this browser remembers it." : "This browser remembers it."}</p>
      <form onSubmit=${this.#submit}>
        <label for="name">Your name</label>
        <input id="name" ref=${this.field} autocomplete="nickname" autocapitalize="off" spellcheck="false" aria-describedby="name-rule name-problem" aria-invalid=${problem ? "true" : undefined} />
        <p id="name-problem" class="problem" role="alert">${problem}</p>
        <button class="primary" disabled=${waiting}>Enter</button>
      </form>
    </main>`;
  }
}
