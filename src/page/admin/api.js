// What the page of admins asks the server, with the token of an admin.

import { UNREACHABLE } from "../loading.js";
import { addressOf } from "../names.js";

export class Api {
  #token;
  #onRefused;

  // `onRefused` is called with a sentence when the server takes the token no longer.
  constructor(token, onRefused) {
    this.#token = token;
    this.#onRefused = onRefused;
  }

  // The answer to a request below /api/v1/; undefined if it has none. Rejects with an error whose message is a sentence.
  async ask(method, path, body) {
    const response = await this.#fetch(`/api/v1/${path}`, {
      method,
      headers: body && { "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    return response.status === 204 ? undefined : response.json();
  }

  // The same below /api/v1/admin/.
  admin(method, path, body) {
    return this.ask(method, `admin/${path}`, body);
  }

  // The figures of the server in Prometheus' text format.
  async figures() {
    return (await this.#fetch("/metrics", {})).text();
  }

  async #fetch(path, { headers, ...request }) {
    const authorization = `Bearer ${this.#token}`;
    const asked = fetch(addressOf(path), { ...request, headers: { ...headers, authorization }, cache: "no-store" });
    const response = await asked.catch(() => {
      throw new Error(`${UNREACHABLE}.`);
    });
    if (response.ok) return response;
    const answer = await response.json().catch(() => undefined); // a proxy's own page
    const message = `${answer?.error?.message ?? response.statusText}.`;
    if (response.status === 401) this.#onRefused(message);
    throw new Error(message);
  }
}

// A name as a part of a path.
export const inPath = encodeURIComponent;

// The parameters that have a value, as a query.
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  return given.length > 0 ? `?${new URLSearchParams(given)}` : "";
}
