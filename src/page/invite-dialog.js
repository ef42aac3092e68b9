// The dialog that brings people into a room: by its link, by an invitation that admits to it, or by name. In an encrypted
// room it says how they get the key, and puts it into the links where this page has it.

import { CopyLink } from "./copy-link.js";
import { Dialog } from "./dialog.js";
import { Component, createRef, html } from "./html.js";
import { InvitationLinks } from "./invitation-links.js";
import { addressOfRoom, userName } from "./names.js";
import { QrCode } from "./qr-code.js";

export class InviteDialog extends Component {
  state = { fragment: undefined, invited: undefined, problem: undefined };
  field = createRef();
  key = createRef();

  async componentDidMount() {
    const { chat, room } = this.props;
    if (chat.isEncrypted(room)) this.setState({ fragment: (await chat.encryption).fragmentOf(room) });
  }

  #invite = async (event) => {
    event.preventDefault();
    const { chat, room } = this.props;
    const user = userName(this.field.current.value);
    this.setState({ invited: undefined, problem: user ? undefined : "This is not a valid name." });
    if (!user) return this.field.current.select();
    try {
      await chat.client.request({ type: "invite", room: room.name, user });
      this.field.current.value = "";
      this.setState({ invited: user });
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
      this.field.current.select();
    }
  };

  // The key cannot be read from this device: the link that was kept has it.
  #useKey = async (event) => {
    event.preventDefault();
    const { chat, room } = this.props;
    const [, key] = /[#&](key=.+)$/.exec(this.key.current.value.trim()) ?? [];
    const encryption = await chat.encryption;
    const result = key && (await encryption.useLink(room, `#${key}`));
    if (result === "same") this.setState({ fragment: encryption.fragmentOf(room), problem: undefined });
    else this.setState({ problem: key ? "This link has another key than this device." : "This link does not contain a key." });
  };

  render({ chat, room, onClose }, { fragment, invited, problem }) {
    return html`<${Dialog} title=${`Invite people to ${room.name}`} onClose=${onClose}>
      <p class="problem" role="alert">${problem}</p>
      ${chat.isEncrypted(room) && this.#keyHint(fragment)}
      ${!room.isPrivate && this.#address(fragment)}
      ${room.isPrivate && !room.canModerate && html`<p>Only the moderators of this private room can invite people to it.</p>`}
      ${room.canModerate && html`<${InvitationLinks} chat=${chat} room=${room} fragment=${fragment} />
        <form class="stacked" onSubmit=${this.#invite}><label for="invited">Or invite by name</label>
          <div class="row"><input id="invited" ref=${this.field} placeholder="Name" autocomplete="off" autocapitalize="off" spellcheck="false" /><button>Invite</button></div></form>
        <p class="hint" role="status">${invited && html`<bdi>${invited}</bdi> is invited, and is told so now or when they come. ${chat.isEncrypted(room) && this.#keyFor(fragment)}`}</p>`}
    </${Dialog}>`;
  }

  #address(fragment) {
    const link = addressOfRoom(this.props.room) + (fragment ? `#${fragment}` : "");
    return html`<p class="hint">Whoever opens this link gives a name and is in${fragment && ", and has the key"}.</p>
      <p class="row"><code>${link}</code><${CopyLink} link=${link} /></p>
      ${!fragment && html`<${QrCode} chat=${this.props.chat} text=${link} />`}`;
  }

  #keyHint(fragment) {
    if (fragment) return html`<p class="hint">The links here carry the key of the encryption, behind the #, where the server does not see it. Give them only to people who should read this conversation.</p>`;
    return html`<form class="stacked" onSubmit=${this.#useKey}>
      <label for="key">Messages here are encrypted. For links that carry the key, paste the link with the key that you kept; without it, change the key to get a new one.</label>
      <div class="row"><input id="key" ref=${this.key} autocomplete="off" spellcheck="false" /><button>Add the key</button></div></form>`;
  }

  // An invitation by name goes through the server, which must not see the key.
  #keyFor(fragment) {
    if (!fragment) return "The key does not come with it: send them the link with the key yourself.";
    return html`The key does not come with it: send them this link yourself, by another way. <${CopyLink} link=${`${addressOfRoom(this.props.room)}#${fragment}`} />`;
  }
}
