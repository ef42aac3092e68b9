// Colours code lightly: comments, strings, numbers and the words that languages share. It guesses, and changes no text.

const CHARS_MAX = 20_000; // longer code stays plain
const WORDS = new Set(
  ("abstract and as assert async await begin bool boolean break case catch char class const continue def default defer del delete do double elif else elsif end enum except export extends extern false " +
    "final finally float fn for foreach from func function go if impl implements import in include instanceof int interface is lambda let local long loop match mod module move mut namespace new nil none not null " +
    "or override package pass private protected pub public raise readonly ref rescue return select self short static string struct super switch template then this throw trait true try type typedef typeof " +
    "undefined union unless unsafe unsigned until use using val var virtual void volatile when where while with yield create drop from group insert into join limit order set table update values").split(" "),
);
const HASH = /^(?:py|python|sh|bash|zsh|shell|rb|ruby|yaml|yml|toml|perl|pl|r|make|makefile|dockerfile|conf|ini|nix|elixir|ex)$/;
const DASHES = /^(?:sql|lua|hs|haskell|ada|vhdl|elm)$/;
const ONE_QUOTE = /^(?:rust|rs|c|h|cpp|cc|hpp|java|kotlin|kt|go|swift|cs|scala|ocaml|ml|hs|haskell)$/; // a quote begins a character, or no string at all

// Each pattern takes something whatever follows, so that the time is in proportion to the text.
const patternOf = (language) => {
  const comment = HASH.test(language) ? "#[^\\n]*" : DASHES.test(language) ? "--[^\\n]*" : "\\/\\/[^\\n]*|\\/\\*(?:[\\s\\S]*?\\*\\/|[\\s\\S]*)";
  const quoted = ONE_QUOTE.test(language) ? "'(?:\\\\[^\\n]{1,8}?|[^'\\\\\\n])'" : "'(?:\\\\.|[^'\\\\\\n])*'?";
  return new RegExp(`(${comment})|("(?:\\\\.|[^"\\\\\\n])*"?|${quoted}|\`(?:\\\\.|[^\`\\\\])*\`?)|(\\b\\d[\\w.]*)|([A-Za-z_]\\w*)`, "g");
};

// The code as parts {kind?: "comment" | "string" | "number" | "word", text}.
export function colouredParts(text, language) {
  if (!language || text.length > CHARS_MAX) return [{ text }];
  const parts = [];
  const say = (kind, said) => {
    const last = parts.at(-1);
    if (last && last.kind === kind) last.text += said;
    else if (said) parts.push({ ...(kind && { kind }), text: said });
  };
  let end = 0;
  for (const { 0: whole, 1: comment, 2: string, 3: number, index } of text.matchAll(patternOf(language.toLowerCase()))) {
    say(undefined, text.slice(end, index));
    say(comment ? "comment" : string ? "string" : number ? "number" : WORDS.has(whole.toLowerCase()) ? "word" : undefined, whole);
    end = index + whole.length;
  }
  say(undefined, text.slice(end));
  return parts;
}
