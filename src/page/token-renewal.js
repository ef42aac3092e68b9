// Renews the user's token before it expires, so that the name stays theirs.

import { claim } from "./sign-in.js";

const LEFT_MS = 300 * 86_400_000; // a token that is valid for longer than this is not renewed

// Renews it now if it is time, and whenever the server says so. `save` is given {name, token, expires}.
export function renewToken(chat, save) {
  const { identity, client } = chat;
  const renew = async () => {
    if (!identity.token) return;
    try {
      const given = await claim(identity.name, identity.token);
      if (!given.token || given.token === identity.token) return;
      save(Object.assign(identity, given));
      await client.request({ type: "refresh", token: given.token });
    } catch {
      // The old token is still valid: the next connection uses the new one, or the next visit tries again.
    }
  };
  client.on("token_expiring", renew);
  if (!(Date.parse(identity.expires) - Date.now() > LEFT_MS)) renew();
}
