// What a room in which nothing was said offers: to bring others in.

import { CopyLink } from "./copy-link.js";
import { html } from "./html.js";
import { addressOfRoom } from "./names.js";

// The address of a private room admits nobody.
export function EmptyRoom({ room, onInvite }) {
  return html`<p class="row empty-room"><button type="button" class="primary" onClick=${onInvite}>Invite people</button>${!room.isPrivate && html`<${CopyLink} link=${addressOfRoom(room)} />`}</p>`;
}
