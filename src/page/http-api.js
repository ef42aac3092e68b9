// Requests to the server's HTTP API.

import { UNREACHABLE } from "./loading.js";
import { addressOf } from "./names.js";

const WAIT_MS = 20_000; // without a response for this long, the server counts as unreachable

// Fetches a resource, or sends the JSON in the request's `body`. Rejects with an error whose message is for the user.
export async function fetchResource(path, request, token, signal) {
  const headers = { ...(request.body && { "content-type": "application/json" }), ...(token && { authorization: `Bearer ${token}` }) };
  const timeout = AbortSignal.timeout(WAIT_MS);
  try {
    const response = await fetch(addressOf(path), { ...request, headers, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
    const body = await response.json();
    if (response.ok) return body;
    throw new Error(body.error?.message ?? response.statusText);
  } catch (error) {
    throw error.name === "Error" ? error : new Error(UNREACHABLE); // the browser's own messages are no help
  }
}
