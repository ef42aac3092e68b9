// Searching a conversation: the words, the panel, and what it shows when a search fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat } from "../../../src/page/chat.js";
import { SearchPanel } from "../../../src/page/search-panel.js";
import { matcherOf, patternOf } from "../../../src/page/search-words.js";
import { detached, find, textOf } from "../harness/tree.mjs";

const WORDS = ["don't", "e-mail", "@Annika", "plan;", "100%", "foo_bar", "#tag", '"quoted"', "a&b", "x=y", "~", "🎉", "\\", "(", "[a", "a|b", "{2}", "-"];

test("any word that a user types is a valid pattern, and is found where it stands", () => {
  for (const word of WORDS) {
    const text = `… ${word} …`;
    assert.ok(matcherOf(word)(text), word);
    assert.equal(text.split(patternOf(word)).length, 3, word);
  }
});

test("only letters and digits count, as on the server", () => {
  for (const [words, text] of [["don't", "I DON’T know"], ['"quoted"', "quoted"], ["plan; b", "B-plan"], ["Ça", "ça va"]]) assert.ok(matcherOf(words)(text), words);
  for (const [words, text] of [["don't", "dont"], ["a b", "a"], ["(", "a"], ["a.c", "abc"]]) assert.ok(!matcherOf(words)(text), words);
  assert.equal("abc".split(patternOf("")).length, 1);
});

// A panel whose searches are answered by `search`.
function panelOf(search) {
  const room = { name: "r" };
  const panel = detached(new SearchPanel({}), { room, chat: { history: Promise.resolve({ search }) }, ui: {} });
  panel.field.current = { value: "", focus() {} };
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  return {
    panel,
    async type(words) {
      panel.field.current.value = words;
      const [form] = find(panel.tree(), { tag: "form" });
      form.props.onSubmit({ preventDefault() {} });
      await settled();
    },
    async show(room) {
      const before = panel.props;
      panel.props = { ...before, room };
      panel.componentDidUpdate(before);
      await settled();
    },
    status: () => textOf(find(panel.tree(), { role: "status" })),
    list: () => find(panel.tree(), { class: "search-results" })[0],
  };
}

const entry = (text) => ({ seq: 1, user: "Bob", at: "2026-01-01T00:00:00Z", text });

test("the panel shows the results of any word, with the match marked", async () => {
  for (const word of WORDS) {
    const view = panelOf(async () => [entry(`… ${word} …`)]);
    await view.type(word);
    assert.equal(view.status(), "1 message", word);
    assert.equal(find(view.list().children, { tag: "mark" }).length, 1, word);
  }
});

test("earlier results are marked while a search runs, and cleared by an error or another room", async () => {
  const answers = [];
  const view = panelOf(() => new Promise((resolve, reject) => answers.push({ resolve, reject })));
  const settle = (how, value) => (answers.pop()[how](value), new Promise((resolve) => setTimeout(resolve)));
  await view.type("one");
  await settle("resolve", [entry("one")]);
  assert.equal(view.list().props["aria-busy"], false);
  await view.type("two");
  assert.deepEqual([view.status(), view.list().props["aria-busy"], view.list().children.length], ["Searching…", true, 1]);
  await settle("reject", new Error("The server cannot be reached"));
  assert.deepEqual([view.status(), view.list().props["aria-busy"], view.list().children.length], ["The server cannot be reached.", false, 0]);
  await view.type("one");
  await settle("resolve", [entry("one")]);
  await view.show({ name: "other" });
  assert.deepEqual([view.status(), view.list().children.length], ["Searching…", 0]);
});

test("a request that fails has a reason for people", async () => {
  const storage = { settings: () => ({ rooms: [], read: {}, secret: {} }), tab: () => ({ unsent: [], drafts: {} }) };
  globalThis.WebSocket ??= class {};
  const chat = new Chat(storage, { name: "Ann" }, "ws://127.0.0.1/ws", { changed() {} });
  const { fetch } = globalThis;
  const fails = async (answer, message) => {
    globalThis.fetch = answer;
    await assert.rejects(chat.get("/x"), { name: "Error", message });
  };
  try {
    await fails(async () => Promise.reject(new TypeError("Failed to fetch")), "The server cannot be reached");
    await fails(async () => new Response("<p>Bad gateway", { status: 502 }), "The server cannot be reached");
    await fails(async () => Promise.reject(new DOMException("signal timed out", "TimeoutError")), "The server cannot be reached");
    await fails(async () => Response.json({ error: { message: "Too many requests" } }, { status: 429 }), "Too many requests");
  } finally {
    globalThis.fetch = fetch;
  }
});
