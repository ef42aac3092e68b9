// Lazy loading: components that the first render does without are fetched after it, or as soon as one of
// them is shown.

import { Component, html } from "./html.js";

const loads = [];
let startLoading;
const idle = new Promise((resolve) => (startLoading = resolve)); // resolves after the first render
let style;

// A component that stands for one that a module exports, and renders it once the module is loaded. With
// `whenIdle` that is not before the other lazy components are loaded too, even if it is shown earlier.
export function lazy(load, name, { whenIdle = false } = {}) {
  let component;
  const loading = async () => {
    const [module] = await Promise.all([load(), (style ??= loadStyle())]);
    component = module[name];
  };
  loads.push(loading);
  return class Lazy extends Component {
    componentDidMount() {
      if (!component) (whenIdle ? idle.then(loading) : loading()).then(() => this.forceUpdate(), () => this.props.onClose?.()); // the connection is lost
    }

    render(props) {
      return component && html`<${component} ...${props} />`;
    }
  };
}

function loadStyle() {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/assets/lazy.css" });
  const loaded = new Promise((resolve) => (link.onload = link.onerror = resolve));
  document.head.append(link);
  return loaded;
}

export function loadAll() {
  startLoading();
  return Promise.allSettled(loads.map((load) => load()));
}
