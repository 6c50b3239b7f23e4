// A module for the tests of the Node worker.
"use strict";

const { execFileSync, spawn } = require("child_process");

let calls = 0;

// Gives back what it was given.
function echo(value) {
  return value;
}

// The sum of two.
exports.add = (a, b = 10) => a + b;
exports.echo = echo;

exports.types = (value) => (value instanceof Uint8Array ? "bytes" : typeof value);

exports.big = () => 2n ** 200n + 1n;

exports.fails = (text) => {
  console.error("before it failed");
  throw new RangeError(text);
};

exports.failsLater = async (text) => {
  await new Promise((resolve) => setImmediate(resolve));
  throw new TypeError(text);
};

exports.prints = (text) => {
  console.log(text);
  console.error(`${text} again`);
  execFileSync("/usr/bin/echo", [`${text} by a child`], { stdio: ["ignore", "inherit", "inherit"] });
  return ++calls;
};

exports.printsAndWaits = async (text) => {
  console.log(text);
  await new Promise((resolve) => setTimeout(resolve, 100_000).ref());
};

exports.routes = (value, plugs, output) => {
  plugs.even = value % 2 === 0;
  output.report = { value };
  return value;
};

exports.returnsPlugs = (value) => ({ result: value, plugs: { other: [value] } });

exports.notAValue = () => ({ inner: [1, () => 2] });

exports.huge = (megabytes) => "x".repeat(megabytes << 20);

exports.call = () => [flow.ctx.callId, flow.ctx.attempt];

exports.exits = () => process.exit(7);

exports.reads = (path) => require("fs").readdirSync(path);

exports.usesOthers = () => typeof spawn;
