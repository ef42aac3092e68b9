// The text of a message, with its formatting. Loaded lazily: until it is here, message-row.js shows the text as it was
// written. Text only ever becomes text nodes: nothing in a message is interpreted as HTML.

import { colouredParts } from "./code-colours.js";
import { blocksOf } from "./formatting.js";
import { Component, html } from "./html.js";
import { mentions } from "./markup.js";

const TAGS = { strong: "strong", emphasis: "em", struck: "s", quote: "blockquote", item: "li", paragraph: "p" };

export class MessageText extends Component {
  state = { expanded: false };

  shouldComponentUpdate({ text, me }, { expanded }) {
    return text !== this.props.text || me !== this.props.me || expanded !== this.state.expanded;
  }

  // Text that is folded again leaves its beginning in view.
  #toggle = ({ target }) => {
    const row = target.closest("[data-id]");
    this.setState(({ expanded }) => ({ expanded: !expanded }), () => {
      if (!this.state.expanded) row.scrollIntoView({ block: "nearest" });
      this.props.onResize?.();
    });
  };

  render({ text, me }, { expanded }) {
    const blocks = blocksOf(text);
    const preview = previewOf(blocks);
    const isCut = preview && !expanded;
    const shown = isCut ? preview : blocks;
    // A single paragraph, as most messages are, needs no element of its own.
    const content = shown.length === 1 && shown[0].kind === "paragraph" ? shown[0].children : shown;
    return html`<div class="text" dir="auto">${content.map((node) => view(node, me))}${isCut && "…"}</div>
      ${preview && html`<button type="button" class="quiet" onClick=${this.#toggle}>${isCut ? `Show all ${text.length.toLocaleString()} characters` : "Show less"}</button>`}`;
  }
}

function view(node, me) {
  const { kind, text, children } = node;
  const inside = children?.map((child) => view(child, me));
  switch (kind) {
    case "text":
      return text;
    case "code":
      return html`<code>${text}</code>`;
    case "block":
      return html`<pre><code>${colouredParts(text, node.language).map(({ kind, text }) => (kind ? html`<span class=${`code-${kind}`}>${text}</span>` : text))}</code></pre>`;
    case "link":
      return html`<a href=${node.href} title=${node.href} target="_blank" rel="noopener noreferrer nofollow">${inside}</a>`;
    case "mention":
      return html`<span class="mention" data-me=${mentions(text, me) || undefined}><bdi>${text}</bdi></span>`;
    case "heading":
      return html`<p class="heading" role="heading" aria-level=${Math.min(6, node.level + 2)} data-level=${node.level}>${inside}</p>`;
    case "list":
      return node.start === undefined ? html`<ul>${inside}</ul>` : html`<ol start=${node.start}>${inside}</ol>`;
    default:
      return html`<${TAGS[kind]}>${inside}</${TAGS[kind]}>`;
  }
}

// The beginning of a message that is too long to show in full; undefined if it is not. Code that is cut stays code;
// an address that is cut is no link.
export function previewOf(blocks, chars = 2_000, lines = 24) {
  const left = { chars, lines, isCut: false };
  const shown = cut(blocks, left);
  return left.isCut ? shown : undefined;
}

const BLOCKS = new Set(["paragraph", "heading", "block"]);

function cut(nodes, left) {
  const shown = [];
  for (const node of nodes) {
    if (left.chars <= 0 || left.lines <= 0) left.isCut = true;
    if (left.isCut) break;
    if (node.children) {
      const children = cut(node.children, left);
      if (left.isCut && node.kind === "link") shown.push(...children);
      else if (children.length > 0) shown.push({ ...node, children });
    } else {
      shown.push({ ...node, text: cutText(node.text, left) });
    }
    if (BLOCKS.has(node.kind)) left.lines -= 1;
  }
  return shown;
}

function cutText(text, left) {
  const lines = text.split("\n", left.lines);
  const shown = lines.join("\n").slice(0, left.chars).replace(/[\uD800-\uDBFF]$/, "");
  if (shown.length < text.length) left.isCut = true;
  left.chars -= text.length;
  left.lines -= lines.length - 1;
  return shown;
}
