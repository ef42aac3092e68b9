// Keeps the reader's name theirs: its token ends, and is exchanged for another while it is still good.

import { claim } from "./sign-in.js";

const LEFT_MS = 300 * 86_400_000; // with more than this left it is not exchanged

// Now if it is time, and whenever the server says so. `keep` is given {name, token, expires}.
export function renewing(chat, keep) {
  const { identity, client } = chat;
  const renew = async () => {
    if (!identity.token) return;
    try {
      const given = await claim(identity.name, identity.token);
      if (!given.token || given.token === identity.token) return;
      keep(Object.assign(identity, given));
      await client.request({ type: "refresh", token: given.token });
    } catch {
      // The old one is good for now: the next connection takes the new one, or the next visit tries again.
    }
  };
  client.on("token_expiring", renew);
  if (!(Date.parse(identity.expires) - Date.now() > LEFT_MS)) renew();
}
