// CBOR (RFC 8949) for the values of the engine: the JSON data model, bytes, and integers of any size.
"use strict";

class NotAValue extends Error {
  constructor(why) {
    super(why);
    this.path = [];
  }

  at(root) {
    return `${root}${this.path.reverse().join("")} ${this.message}`;
  }
}

class TooLarge extends Error {}

const KINDS = "null, booleans, numbers, bigints, strings, Buffers and typed arrays of bytes, arrays, plain objects and Maps";
const U64_MAX = (1n << 64n) - 1n;
const SMALL = 256; // strings of up to so many characters are written without being measured first

class Encoder {
  constructor(limits) {
    this.limits = limits;
    this.buffer = Buffer.allocUnsafe(4096);
    this.size = 0;
  }

  // The bytes of a value; throws NotAValue or TooLarge.
  encode(value) {
    this.size = 0;
    this.item(value, this.limits.depth_max);
    const out = Buffer.from(this.buffer.subarray(0, this.size));
    if (this.buffer.length > 1 << 20) this.buffer = Buffer.allocUnsafe(4096);
    return out;
  }

  room(bytes) {
    const wanted = this.size + bytes;
    if (wanted > this.limits.payload_bytes_max + SMALL) throw new TooLarge();
    if (wanted <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(wanted, 2 * this.buffer.length));
    this.buffer.copy(grown, 0, 0, this.size);
    this.buffer = grown;
  }

  head(major, n) {
    this.room(9);
    const first = major << 5;
    const b = this.buffer;
    if (n < 24) {
      b[this.size++] = first | n;
    } else if (n < 0x100) {
      b[this.size++] = first | 24;
      b[this.size++] = n;
    } else if (n < 0x10000) {
      b[this.size++] = first | 25;
      this.size = b.writeUInt16BE(n, this.size);
    } else if (n < 0x100000000) {
      b[this.size++] = first | 26;
      this.size = b.writeUInt32BE(n, this.size);
    } else {
      b[this.size++] = first | 27;
      this.size = b.writeBigUInt64BE(BigInt(n), this.size);
    }
  }

  byte(n) {
    this.room(1);
    this.buffer[this.size++] = n;
  }

  raw(data) {
    this.room(data.length);
    this.buffer.set(data, this.size);
    this.size += data.length;
  }

  text(text) {
    if (!text.isWellFormed && /[\uD800-\uDFFF]/.test(text) && Buffer.from(text).toString() !== text)
      throw new NotAValue("is text with half of a surrogate pair");
    if (text.isWellFormed && !text.isWellFormed()) throw new NotAValue("is text with half of a surrogate pair");
    const bytes = Buffer.byteLength(text);
    this.head(3, bytes);
    this.room(bytes);
    this.size += this.buffer.write(text, this.size);
  }

  integer(n) {
    const magnitude = n < 0n ? -1n - n : n;
    if (magnitude <= U64_MAX) return this.head(n < 0n ? 1 : 0, magnitude < 24n ? Number(magnitude) : magnitude);
    let digits = magnitude.toString(16);
    if (digits.length % 2) digits = "0" + digits;
    const bytes = Buffer.from(digits, "hex");
    if (bytes.length > this.limits.integer_bytes_max)
      throw new NotAValue(`is an integer of ${bytes.length} bytes; at most ${this.limits.integer_bytes_max} are allowed`);
    this.byte(n < 0n ? 0xc3 : 0xc2);
    this.head(2, bytes.length);
    this.raw(bytes);
  }

  number(n) {
    if (Number.isSafeInteger(n) && !Object.is(n, -0)) return n < 0 ? this.head(1, -1 - n) : this.head(0, n);
    this.byte(0xfb);
    this.room(8);
    this.size = this.buffer.writeDoubleBE(n, this.size);
  }

  item(value, depth) {
    switch (typeof value) {
      case "undefined":
        return this.byte(0xf6);
      case "boolean":
        return this.byte(value ? 0xf5 : 0xf4);
      case "number":
        return this.number(value);
      case "bigint":
        return this.integer(value);
      case "string":
        return this.text(value);
      case "object":
        return value === null ? this.byte(0xf6) : this.object(value, depth);
      default:
        throw new NotAValue(`is a ${typeof value}, which is not a value: return ${KINDS}`);
    }
  }

  object(value, depth) {
    if (value instanceof Uint8Array || value instanceof ArrayBuffer) {
      const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
      this.head(2, bytes.length);
      return this.raw(bytes);
    }
    if (depth === 0)
      throw new NotAValue(`is nested deeper than ${this.limits.depth_max} levels (does it contain itself?)`);
    if (Array.isArray(value)) {
      this.head(4, value.length);
      for (let i = 0; i < value.length; ++i) this.inside(`[${i}]`, value[i], depth - 1);
      return undefined;
    }
    if (value instanceof Map) return this.pairs([...value], depth - 1);
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== null && prototype.constructor?.name !== "Object")
      throw new NotAValue(`is a ${prototype.constructor?.name ?? "object"}, which is not a value: return ${KINDS}`);
    return this.pairs(Object.entries(value).filter((pair) => pair[1] !== undefined), depth - 1);
  }

  pairs(pairs, depth) {
    this.head(5, pairs.length);
    for (const [key, item] of pairs) {
      if (typeof key !== "string") throw new NotAValue(`has a key of type ${typeof key}: the keys of a value are strings`);
      this.inside(/^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key).slice(0, 80)}]`, item, depth, key);
    }
  }

  inside(place, item, depth, key) {
    try {
      if (key !== undefined) this.text(key);
      this.item(item, depth);
    } catch (error) {
      if (error instanceof NotAValue) error.path.push(place);
      throw error;
    }
  }
}

// Reads what the node wrote, which has checked it.
class Decoder {
  constructor(buffer, at = 0) {
    this.buffer = buffer;
    this.at = at;
  }

  // The number in the head of an item; a bigint when it is beyond what a number holds exactly.
  argument(info) {
    const { buffer, at } = this;
    if (info < 24) return info;
    this.at += 1 << (info - 24);
    if (info === 24) return buffer[at];
    if (info === 25) return buffer.readUInt16BE(at);
    if (info === 26) return buffer.readUInt32BE(at);
    const n = buffer.readBigUInt64BE(at);
    return n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n;
  }

  item() {
    const first = this.buffer[this.at++];
    const info = first & 31;
    const major = first >> 5;
    if (major === 7) return this.simple(info);
    const n = this.argument(info);
    switch (major) {
      case 0:
        return n;
      case 1:
        return typeof n === "number" && n < Number.MAX_SAFE_INTEGER ? -1 - n : -1n - BigInt(n);
      case 2:
        return Buffer.from(this.piece(n));
      case 3:
        return this.piece(n).toString();
      case 4:
        return Array.from({ length: n }, () => this.item());
      case 5:
        return this.object(n);
      default: {
        const magnitude = BigInt("0x" + (this.item().toString("hex") || "0"));
        return n === 2 ? magnitude : -1n - magnitude;
      }
    }
  }

  piece(n) {
    this.at += n;
    return this.buffer.subarray(this.at - n, this.at);
  }

  object(n) {
    const out = {};
    for (; n > 0; --n) {
      const key = this.item();
      const value = this.item();
      // As a member of its own, whatever the name is.
      if (key === "__proto__") Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true });
      else out[key] = value;
    }
    return out;
  }

  simple(info) {
    const { buffer, at } = this;
    if (info === 20 || info === 21) return info === 21;
    if (info === 27) {
      this.at += 8;
      return buffer.readDoubleBE(at);
    }
    if (info === 26) {
      this.at += 4;
      return buffer.readFloatBE(at);
    }
    if (info === 25) {
      this.at += 2;
      return half(buffer.readUInt16BE(at));
    }
    return null;
  }
}

function half(n) {
  const exponent = (n >> 10) & 31;
  const mantissa = n & 1023;
  const sign = n & 0x8000 ? -1 : 1;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25));
}

module.exports = { Decoder, Encoder, NotAValue, TooLarge };
