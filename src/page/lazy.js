// Lazy loading: components that the first render does without are fetched after it, or as soon as one of
// them is shown.

import { Component, html } from "./html.js";
import { loadModule, UNREACHABLE } from "./loading.js";
import { addressOf } from "./names.js";

const AGAIN_MS = 2_000;

const loads = [];
let startLoading;
const idle = new Promise((resolve) => (startLoading = resolve)); // resolves after the first render
let style;

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
