// The ways in from elsewhere, on the entry page: a button for each provider. Whom a proxy has named goes on without being asked.

import { Component, html } from "./html.js";
import { addressOf, basePath } from "./names.js";

const addressOfLogin = ({ id }) => addressOf(`/login/${id}?${new URLSearchParams({ to: `/${location.pathname.slice(basePath.length)}${location.search}` })}`);

export class Logins extends Component {
  componentDidMount() {
    const named = this.props.logins.find(({ at_once }) => at_once);
    if (named) location.replace(addressOfLogin(named));
  }

  render({ logins }) {
    return html`<div class="logins">
      ${logins.map((login) => login.label && html`<a key=${login.id} href=${addressOfLogin(login)}>Log in with <bdi>${login.label}</bdi></a>`)}
    </div>`;
  }
}
