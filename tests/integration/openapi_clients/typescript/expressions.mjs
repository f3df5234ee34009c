// Says which texts each expression matches: without a flag, and with each that is for Unicode.

import { readFileSync } from "node:fs";

const { patterns, texts } = JSON.parse(readFileSync("expressions.json", "utf8"));
const decided = ["", "u", "v"].map((flag) =>
  patterns.map((pattern) => texts.map((text) => new RegExp(pattern, flag).test(text))),
);
console.log(JSON.stringify(decided));
