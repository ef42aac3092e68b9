// What the first view does without: fetched when the page has nothing else to do, and at once when it
// is wanted before that.

import { Component, html } from "./html.js";

const loads = [];
let begin;
const rest = new Promise((resolve) => (begin = resolve)); // until the first view is there
let style;

// The part of this name of a module that is fetched later, as a part of the page. A patient one waits
// for the rest even when it is to be shown.
export function late(load, name, { patient = false } = {}) {
  let part;
  const loading = async () => {
    const [module] = await Promise.all([load(), (style ??= loadStyle())]);
    part = module[name];
  };
  loads.push(loading);
  return class Late extends Component {
    componentDidMount() {
      if (!part) (patient ? rest.then(loading) : loading()).then(() => this.forceUpdate(), () => this.props.onClose?.()); // the line is broken
    }

    render(props) {
      return part && html`<${part} ...${props} />`;
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
  begin();
  return Promise.allSettled(loads.map((load) => load()));
}
