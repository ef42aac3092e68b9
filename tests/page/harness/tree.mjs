// What a component renders, without a document: for unit tests of the views. Hooks and refs do not run.

// The elements of a virtual node as {tag, props, children}; the children are elements and strings.
export function treeOf(node) {
  if (node === undefined || node === null || typeof node === "boolean") return [];
  if (Array.isArray(node)) return node.flatMap(treeOf);
  if (typeof node !== "object") return [String(node)];
  const { type, props } = node;
  if (typeof type !== "function") return [{ tag: type, props, children: treeOf(props.children) }];
  if (!type.prototype?.render) return treeOf(type(props));
  const component = Object.assign(new type(props), { props });
  return treeOf(component.render(props, component.state ?? {}));
}

export function textOf(tree) {
  return tree.map((part) => (typeof part === "string" ? part : textOf(part.children))).join("");
}

// The elements, at any depth, whose properties include these; `tag` is one too.
export function find(tree, wanted) {
  const fits = ({ tag, props }) => Object.entries(wanted).every(([key, value]) => (key === "tag" ? tag : props[key]) === value);
  return tree.filter((part) => typeof part !== "string").flatMap((part) => [...(fits(part) ? [part] : []), ...find(part.children, wanted)]);
}

// Replaces the rendering of a component: changes of its state take effect at once.
export function detached(component, props) {
  component.props = props;
  component.setState = (change) => Object.assign(component.state, typeof change === "function" ? change(component.state) : change);
  component.tree = () => treeOf(component.render(component.props, component.state));
  return component;
}
