// A real OpenID Connect provider on a free port, with the accounts of a test and a form that asks for nothing but a login.

import { once } from "node:events";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { output } from "./packages.mjs";

export const SECRET = "what the provider shares with roomd";

export class IdentityProvider {
  #server = createServer((request, response) => this.#answer(request, response));
  #callback;
  #provider;

  static async start() {
    const provider = new IdentityProvider();
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    return provider;
  }

  get issuer() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  // From now on it has these accounts, {login: claims}, and sends their browsers back to this address. With `says` the claims stand in
  // the ID token, without it the userinfo endpoint has them.
  async serve(accounts, redirectUri, { says = false } = {}) {
    const { default: Provider } = await import(pathToFileURL(`${output}node_modules/oidc-provider/lib/index.js`));
    this.#provider = new Provider(this.issuer, {
      clients: [{ client_id: "roomd", client_secret: SECRET, redirect_uris: [redirectUri], grant_types: ["authorization_code"], response_types: ["code"] }],
      claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"] },
      conformIdTokenClaims: !says,
      cookies: { keys: ["a key of the tests"] },
      features: { devInteractions: { enabled: false } },
      findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...accounts[sub] }) }),
      interactions: { url: (_, { uid }) => `/interaction/${uid}` },
      loadExistingGrant: async ({ oidc }) => {
        const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
        grant.addOIDCScope("openid profile");
        await grant.save();
        return grant;
      },
      pkce: { required: () => true },
    });
    this.#callback = this.#provider.callback();
  }

  async #answer(request, response) {
    if (!request.url.startsWith("/interaction/")) return this.#callback(request, response);
    if (request.method === "GET") {
      response.setHeader("content-type", "text/html; charset=utf-8");
      return response.end('<!doctype html><title>Provider</title><form method="post"><label>Login <input name="login"></label> <button name="do" value="in">Go on</button> <button name="do" value="not">Do not</button></form>');
    }
    let body = "";
    for await (const part of request) body += part;
    const form = new URLSearchParams(body);
    const result = form.get("do") === "not" ? { error: "access_denied" } : { login: { accountId: form.get("login") } };
    return this.#provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }

  async end() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
