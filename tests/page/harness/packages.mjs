// The npm packages of these tests, which tests/run installs into target/page.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));
export const output = `${root}target/page/`;
export const require = createRequire(`${output}package.json`);
