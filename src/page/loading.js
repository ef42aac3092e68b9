// Loading the modules of the page that are not loaded with it, over a connection that may be lost.

export const UNREACHABLE = "The server cannot be reached"; // a sentence without its full stop
const AGAIN_MS = 1_000;
const again = new Map(); // name of a module that could not be loaded → the query with which it is asked for from then on

// Loads the module with this name, such as "dialogs". Rejects with the code "unreachable" if it cannot be loaded; it can be
// tried again. A browser may remember that an address could not be loaded (Chromium did before 156), so the next try has
// another one. That does not reach what the module itself imports: there, only loading the page again helps.
export async function loadModule(name) {
  try {
    return await import(`./${name}.js${again.get(name) ?? ""}`);
  } catch {
    const message = again.has(name) ? `${UNREACHABLE}; if it can, load the page again` : UNREACHABLE;
    again.set(name, `?${Date.now()}`);
    throw Object.assign(new Error(message), { code: "unreachable" });
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
