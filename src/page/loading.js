// Loading what is not loaded with the page, over a connection that may be lost: modules, and lazy components, which the first
// render does without. These are fetched after it, or as soon as one of them is shown.

import { Component, html } from "./html.js";
import { addressOf } from "./names.js";

export const UNREACHABLE = "The server cannot be reached"; // a sentence without its full stop
const AGAIN_MS = 1_000;
const again = new Map(); // name of a module that could not be loaded → the query with which it is asked for from then on
const loads = [];
let startLoading;
const idle = new Promise((resolve) => (startLoading = resolve)); // resolves after the first render
let style;

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

// A component that stands for `name` of a module, and renders it once the module is loaded; until then
// `meanwhile`. With `whenIdle` that is not before the other lazy components are loaded too, even if it is shown earlier.
export function lazy(moduleName, name, { whenIdle = false, meanwhile } = {}) {
  let component;
  const loading = async () => {
    const [module] = await Promise.all([loadModule(moduleName), (style ??= loadStyle())]);
    component = module[name];
  };
  loads.push(loading);
  return class Lazy extends Component {
    componentDidMount() {
      if (!component) this.load();
    }

    componentWillUnmount() {
      clearTimeout(this.timer);
    }

    // Without a connection it is tried again as long as it is shown, unless `onUnavailable` takes the error.
    load() {
      (whenIdle ? idle.then(loading) : loading()).then(
        () => this.forceUpdate(this.props.onResize),
        (error) => (this.props.onUnavailable ? this.props.onUnavailable(error) : (this.timer = setTimeout(() => this.load(), AGAIN_MS))),
      );
    }

    render(props) {
      return component ? html`<${component} ...${props} />` : meanwhile?.(props);
    }
  };
}

function loadStyle() {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: addressOf("/assets/lazy.css") });
  const loaded = new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => {
      link.remove();
      style = undefined;
      reject(new Error(UNREACHABLE));
    };
  });
  document.head.append(link);
  return loaded;
}

export function loadAll() {
  startLoading();
  return Promise.allSettled(loads.map((load) => load()));
}
