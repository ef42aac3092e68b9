// Starts a roomd of its own and serves the page of the editor. `--flags "…"` has further flags for roomd.

import { host } from "../shared/host.mjs";

const at = process.argv.indexOf("--flags");
const more = at < 0 ? [] : process.argv[at + 1].split(" ");
// A snapshot is one message, so messages may be long.
const { address } = await host({ page: new URL("page/", import.meta.url), flags: ["--message-bytes", "1MiB", "--outbox-bytes", "4MiB", ...more] });
console.log(`A text to write together: ${address}`);
console.log("Open it twice. Another text is another name behind it: ?document=NAME");
