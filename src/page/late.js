// What the first view does without: fetched when the page has nothing else to do, and at once when it
// is wanted before that.

import { Component, html } from "./html.js";

const loads = [];

// The part of this name of a module that is fetched later, as a part of the page.
export function late(load, name) {
  let part;
  const loading = () => load().then((module) => (part = module[name]));
  loads.push(loading);
  return class Late extends Component {
    componentDidMount() {
      if (!part) loading().then(() => this.forceUpdate(), () => this.props.ui?.dialog?.()); // the line is broken
    }

    render(props) {
      return part && html`<${part} ...${props} />`;
    }
  };
}

export function loadAll() {
  return Promise.allSettled(loads.map((load) => load()));
}
