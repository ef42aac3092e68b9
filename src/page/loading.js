// Loading the parts of the page that are not loaded with it, over a connection that may be lost.

const AGAIN_MS = 1_000;

// What is being loaded from the server. Rejects with the code "unreachable" if it cannot be.
export async function loaded(part) {
  try {
    return await part;
  } catch {
    throw Object.assign(new Error("The server cannot be reached"), { code: "unreachable" });
  }
}

// What `load` loads: without a connection, with the next one.
export async function eventually(chat, load) {
  for (;;) {
    try {
      return await load();
    } catch (error) {
      if (error.code !== "unreachable") throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS)); // the connection is lost, but not yet known to be
      await chat.online();
    }
  }
}
