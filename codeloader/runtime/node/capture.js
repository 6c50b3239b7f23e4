// The output of the call that runs. What JavaScript writes stays in memory; what its children and its native
// libraries write comes by the pipes, whose reading ends are 4 and 5.
"use strict";

const fs = require("fs");
const net = require("net");
const { StringDecoder } = require("string_decoder");

const ENDS = [4, 5];
const READ_BYTES = 1 << 16;
const TURNS_MAX = 32; // a program that never stops writing must not hold us

class Capture {
  // `show` is told of output of a call that takes long: (is stderr, text).
  constructor(charactersMax, delayMs, show) {
    this.charactersMax = charactersMax;
    this.delayMs = delayMs;
    this.show = show;
    this.buffer = Buffer.allocUnsafe(READ_BYTES);
    this.decoders = ENDS.map(() => new StringDecoder("utf8"));
    this.isRunning = false;
    this.reset();
    this.pipes = ENDS.map((fd, which) => {
      const pipe = new net.Socket({ fd, readable: true, writable: false });
      pipe.on("data", (data) => this.add(which, this.decoders[which].write(data)));
      pipe.on("error", () => {});
      pipe.unref();
      return pipe;
    });
    [process.stdout, process.stderr].forEach((stream, which) => {
      stream.write = (data, encoding, done) => {
        const call = typeof encoding === "function" ? encoding : done;
        const text = typeof data === "string" ? data : Buffer.from(data.buffer ?? data, data.byteOffset, data.byteLength).toString();
        this.add(which, text);
        if (call) process.nextTick(call);
        return true;
      };
    });
  }

  reset() {
    this.parts = [[], []];
    this.size = 0;
    this.cut = 0;
    this.shown = [0, 0];
  }

  add(which, text) {
    const kept = text.slice(0, this.charactersMax - this.size);
    this.size += kept.length;
    this.cut += text.length - kept.length;
    if (kept) this.parts[which].push(kept);
    this.showIfLong();
  }

  begin() {
    this.isRunning = true;
    this.began = Date.now();
    this.timer = undefined;
  }

  showIfLong() {
    if (!this.isRunning) return;
    const left = this.began + this.delayMs - Date.now();
    if (left <= 0) {
      this.began = Date.now();
      this.showNow();
    } else if (this.timer === undefined) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.showIfLong();
      }, left);
      this.timer.unref();
    }
  }

  showNow() {
    this.parts.forEach((parts, which) => {
      const fresh = parts.slice(this.shown[which]).join("");
      this.shown[which] = parts.length;
      if (fresh) this.show(which === 1, fresh);
    });
  }

  drain() {
    ENDS.forEach((fd, which) => {
      for (let turn = 0; turn < TURNS_MAX; ++turn) {
        let n = 0;
        try {
          n = fs.readSync(fd, this.buffer);
        } catch {
          return; // nothing there, or closed
        }
        if (n === 0) return;
        this.add(which, this.decoders[which].write(this.buffer.subarray(0, n)));
      }
    });
  }

  // stdout and stderr of the call that has just ended.
  take() {
    this.isRunning = false;
    clearTimeout(this.timer);
    this.drain();
    this.decoders.forEach((decoder, which) => {
      const rest = decoder.end();
      if (rest) this.parts[which].push(rest);
    });
    const texts = this.parts.map((parts) => parts.join(""));
    if (this.cut) texts[texts[1] && !texts[0] ? 1 : 0] += `\n[${this.cut} more characters were cut]\n`;
    this.reset();
    return texts;
  }
}

module.exports = { Capture };
