// The program that a Node worker runs: `node --expose-internals worker.js`, with the node's daemon on descriptor 3.
// See docs/worker-protocol.md. Nothing but Node itself is used.
"use strict";

const fs = require("fs");
const net = require("net");
const vm = require("vm");
const { createRequire } = require("module");
const { pathToFileURL } = require("url");
const { Capture } = require("./capture.js");
const { Decoder, Encoder, NotAValue, TooLarge } = require("./cbor.js");
const { BadArguments, TaskFunction } = require("./functions.js");

const VERSION = 1;
const NODE = 3;
const HELLO = 1, CALLS = 2, STOP = 3; // of the node
const GREETING = 1, READY = 2, BROKEN = 3, RESULTS = 4, LOGS = 5; // of the worker
const WAIT = new Int32Array(new SharedArrayBuffer(4));

class UnknownFunction extends Error {}

// What a function may ask of the call that runs: `flow.ctx` is this object, in every module.
const ctx = {
  callId: "",
  attempt: 0,
  function: "",
  log: (text) => process.stdout.write(`${text}\n`),
};

// -- the connection ------------------------------------------------------------

// Written in place: a result must not wait until the function behind it lets the event loop turn.
function writeAll(buffer) {
  for (let at = 0; at < buffer.length; ) {
    try {
      at += fs.writeSync(NODE, buffer, at);
    } catch (error) {
      if (error.code === "EPIPE") process.exit(0);
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(WAIT, 0, 0, 1); // the node always reads
    }
  }
}

class Messages {
  constructor() {
    this.own = new Encoder({ payload_bytes_max: 2 ** 31, depth_max: 64, integer_bytes_max: 16 });
  }

  // `parts` are values of ours, or Buffers of items that are encoded already.
  send(kind, ...parts) {
    const items = [Buffer.from([0x80 | (parts.length + 1), kind]), ...parts.map((part) => (Buffer.isBuffer(part) ? part : this.own.encode(part)))];
    const body = Buffer.concat(items);
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(body.length);
    writeAll(Buffer.concat([length, body]));
  }

  row(...parts) {
    return Buffer.concat([Buffer.from([0x80 | parts.length]), ...parts.map((part) => (Buffer.isBuffer(part) ? part : this.own.encode(part)))]);
  }
}

class Frames {
  constructor(onFrame) {
    this.onFrame = onFrame;
    this.pieces = [];
    this.size = 0;
    this.wanted = 4;
    this.isHead = true;
  }

  // Pieces are joined once, when a frame is whole.
  push(data) {
    this.pieces.push(data);
    this.size += data.length;
    while (this.size >= this.wanted) {
      const all = this.pieces.length === 1 ? this.pieces[0] : Buffer.concat(this.pieces);
      const item = all.subarray(0, this.wanted);
      const rest = all.subarray(this.wanted);
      this.pieces = rest.length ? [rest] : [];
      this.size = rest.length;
      this.wanted = this.isHead ? item.readUInt32BE() : 4;
      this.isHead = !this.isHead;
      if (this.isHead) this.onFrame(item);
    }
  }
}

// -- failures ------------------------------------------------------------------

const clipped = (text, most) => {
  if (text.length <= most) return text;
  const half = most >> 1;
  return `${text.slice(0, half)}\n[${text.length - 2 * half} characters were cut]\n${text.slice(-half)}`;
};

// A row of text that a value cannot hold is repaired.
const clean = (text) => Buffer.from(text).toString();

function described(error, root, most) {
  let type = typeof error, message, trace = "";
  try {
    if (error instanceof Error || typeof error?.stack === "string") {
      type = error.constructor?.name || error.name;
      message = String(error.message);
      const isOurs = (line) => /^\s+at /.test(line) && (line.includes(__dirname) || line.includes("(node:") || line.includes(" node:"));
      trace = String(error.stack).split("\n").filter((line) => !isOurs(line)).join("\n")
        .replaceAll(pathToFileURL(root).href + "/", "").replaceAll(root + "/", "");
    } else {
      message = String(error);
    }
  } catch (broken) {
    message = `<its text cannot be had: ${broken?.constructor?.name}>`;
  }
  return [clipped(clean(type), 1000), clipped(clean(message), most >> 2), clipped(clean(trace), most >> 1)];
}

// -- the worker ----------------------------------------------------------------

class Worker {
  constructor() {
    this.messages = new Messages();
    this.functions = new Map();
    this.queue = [];
    this.isBusy = true; // until the module is imported
    this.handle = Buffer.from([0]);
    const frames = new Frames((frame) => this.onFrame(frame));
    this.socket = new net.Socket({ fd: NODE, readable: true, writable: false, allowHalfOpen: true });
    this.socket.on("data", (data) => frames.push(data));
    this.socket.on("close", () => process.exit(0));
  }

  onFrame(frame) {
    const kind = frame[1];
    if (kind === HELLO) this.begin(new Decoder(frame, 2));
    else if (kind === CALLS || kind === STOP) this.queue.push(frame);
    if (!this.isBusy) this.pump();
  }

  async begin(hello) {
    const version = hello.item();
    this.settings = hello.item();
    this.messages.send(GREETING, VERSION, process.pid, `node ${process.versions.node}`);
    if (version !== VERSION) process.exit(1);
    const { settings } = this;
    this.root = settings.import_path[0] ?? "/";
    this.encoder = new Encoder(settings);
    this.capture = new Capture(settings.output_bytes_max, settings.log_delay_ms, (isErr, text) => this.show(isErr, text));
    process.argv.length = 1;
    try {
      const namespace = await import(pathToFileURL(settings.file).href);
      this.module = { ...namespace.default, ...namespace };
      for (const [name, source] of Object.entries(settings.replacements)) this.replace(name, source);
    } catch (error) {
      this.showImport();
      this.messages.send(BROKEN, ...described(error, this.root, settings.error_text_bytes_max));
      return;
    }
    this.showImport();
    this.messages.send(READY);
    this.isBusy = false;
    this.pump();
  }

  // The source of a replacement is run once; it sees what the module exports, and may require.
  replace(name, source) {
    if (typeof this.module[name] !== "function") throw new UnknownFunction(`the module has no function ${name} to be replaced`);
    const names = Object.keys(this.module).filter((each) => each !== name && /^[A-Za-z_$][\w$]*$/.test(each) && each !== "default");
    const made = vm.compileFunction(`${source}\nreturn ${name};`, ["require", ...names], { filename: `replacement of ${name}` });
    const call = made(createRequire(this.settings.file), ...names.map((each) => this.module[each]));
    if (typeof call !== "function") throw new UnknownFunction(`the replacement of ${name} declares no function of this name`);
    this.module[name] = call;
  }

  async pump() {
    this.isBusy = true;
    while (this.queue.length > 0) {
      const frame = this.queue.shift();
      if (frame[1] === STOP) process.exit(0);
      const rows = new Decoder(frame, 2);
      const first = rows.buffer[rows.at++];
      let count = first < 0x98 ? first & 31 : rows.argument(first & 31);
      for (; count > 0; --count) {
        const done = this.oneCall(rows);
        if (done) await done;
      }
    }
    this.isBusy = false;
  }

  // As our node writes them: handle and attempt have a fixed width.
  oneCall(rows) {
    const { buffer } = rows;
    const { at } = rows;
    this.handle = buffer.subarray(at + 1, at + 10);
    const id = buffer.toString("hex", at + 11, at + 27);
    ctx.callId = `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
    ctx.attempt = buffer.readUInt32BE(at + 28);
    rows.at = at + 32;
    const name = rows.item();
    const positional = rows.item();
    const keyword = rows.item();
    ctx.function = name;
    let given = {};
    this.capture.begin();
    const began = process.hrtime.bigint();
    const finish = (value) => this.succeed(began, value, given);
    try {
      const call = this.find(name);
      given = call.bind(positional, keyword);
      const value = call.call.apply(call.receiver, given.args);
      if (typeof value?.then === "function") return Promise.resolve(value).then(finish).catch((error) => this.fail(began, error));
      finish(value);
    } catch (error) {
      this.fail(began, error);
    }
    return undefined;
  }

  find(name) {
    const known = this.functions.get(name);
    if (known) return known;
    const call = Object.hasOwn(this.module, name) ? this.module[name] : undefined;
    if (typeof call !== "function") throw new UnknownFunction(`module ${this.settings.module} exports no function ${name}`);
    const made = new TaskFunction(name, call, this.module);
    this.functions.set(name, made);
    return made;
  }

  succeed(began, returned, given) {
    const took = Number((process.hrtime.bigint() - began) / 1000n);
    let value = returned;
    let plugs = given.plugs;
    const isPair = value && typeof value === "object" && Object.keys(value).length === 2 && "result" in value && "plugs" in value;
    if (isPair && value.plugs && typeof value.plugs === "object") {
      plugs = { ...plugs, ...value.plugs };
      value = value.result;
    }
    const orNull = (named, root) => this.encoded(named && Object.keys(named).length > 0 ? named : null, root);
    let items;
    try {
      items = [this.encoded(value, "result"), orNull(plugs, "plugs"), orNull(given.output, "output")];
      if (items[0].length + items[1].length + items[2].length > this.settings.payload_bytes_max)
        throw new TooLarge("result, plugs and output together are");
    } catch (error) {
      this.fail(began, error, took);
      return;
    }
    const texts = this.capture.take().map(clean);
    this.messages.send(RESULTS, Buffer.concat([Buffer.from([0x81]), this.messages.row(this.handle, took, items[0], ...texts, items[1], items[2])]));
  }

  encoded(value, root) {
    try {
      return this.encoder.encode(value);
    } catch (error) {
      if (error instanceof NotAValue) error.message = error.at(root);
      if (error instanceof TooLarge) error.message = `${root} is`;
      throw error;
    }
  }

  fail(began, error, measured) {
    const took = measured ?? Number((process.hrtime.bigint() - began) / 1000n);
    let code = "task_failed";
    let [type, message, trace] = described(error, this.root, this.settings.error_text_bytes_max);
    const ours = [[UnknownFunction, "unknown_function"], [BadArguments, "bad_arguments"], [NotAValue, "not_a_value"], [TooLarge, "output_too_large"]];
    for (const [kind, name] of ours) {
      if (!(error instanceof kind)) continue;
      code = type = name;
      trace = "";
      if (kind === TooLarge) message = `${error.message} larger than ${this.settings.payload_bytes_max} bytes`;
    }
    const texts = this.capture.take().map(clean);
    const row = this.messages.row(this.handle, took, null, ...texts, code, type, message, trace);
    this.messages.send(RESULTS, Buffer.concat([Buffer.from([0x81]), row]));
  }

  // -- output while a call runs -------------------------------------------------

  show(isErr, text) {
    const most = this.settings.log_piece_bytes_max >> 2; // characters of at most four bytes
    const rows = [];
    for (let at = 0; at < text.length && rows.length < 23; at += most) rows.push(this.messages.row(this.handle, isErr, clean(text.slice(at, at + most))));
    this.messages.send(LOGS, Buffer.concat([Buffer.from([0x80 | rows.length]), ...rows]));
  }

  showImport() {
    this.capture.take().forEach((text, which) => text && this.show(which === 1, text));
  }
}

globalThis.flow = { ctx };
new Worker();
