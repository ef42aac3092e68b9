// Starts the game, a program with roomd inside, and serves its page. `--robots N`: who plays where nobody does, 3 by default.

import { fileURLToPath } from "node:url";
import { host } from "../shared/host.mjs";

const binary = process.env.GAME ?? fileURLToPath(new URL("../../../target/debug/examples/game", import.meta.url));
const { address } = await host({ page: new URL("page/", import.meta.url), binary, flags: process.argv.slice(2) });
console.log(`Snake for four: ${address}`);
