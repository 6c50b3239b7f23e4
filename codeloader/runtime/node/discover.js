// Finds a module in a checkout and describes the functions that it exports, by parsing and never by loading it.
// One JSON object on stdin, one on stdout, as of python/discover.py. Started with --expose-internals, for the parser.
"use strict";

const fs = require("fs");
const path = require("path");
const { acorn, parametersOf, PROVIDED } = require("./functions.js");

const SOURCE_BYTES_MAX = 8 << 20;
const TEXT_CHARACTERS_MAX = 2000;
const EXTENSIONS = ["", ".mjs", ".js", ".cjs", "/index.mjs", "/index.js", "/index.cjs"];

class Refusal extends Error {
  constructor(code, text, hint = "") {
    super(text);
    this.code = code;
    this.hint = hint;
  }
}

const shortened = (text, most = TEXT_CHARACTERS_MAX) => (text.length <= most ? text : text.slice(0, most - 3) + "...");

// -- where the module is -------------------------------------------------------

function findModule({ checkout, module, module_path: modulePath }) {
  const roots = [...new Set([modulePath.replace(/^\/+|\/+$/g, ""), "", "src"])];
  for (const root of roots) {
    for (const name of new Set([module, module.replaceAll(".", "/")])) {
      for (const extension of EXTENSIONS) {
        const file = path.join(root, name + extension);
        const whole = path.join(checkout, file);
        if (!file.startsWith("..") && /\.[mc]?js$/.test(file) && fs.statSync(whole, { throwIfNoEntry: false })?.isFile()) return { root, file };
      }
    }
  }
  const known = roots.flatMap((root) => modulesBelow(path.join(checkout, root)));
  throw new Refusal("unknown_module", `the repository has no Node module "${module}" at this commit`,
    known.length ? `it has ${[...new Set(known)].slice(0, 10).join(", ")}` : "it has no Node modules at all");
}

function modulesBelow(directory) {
  try {
    return fs.readdirSync(directory).filter((name) => /\.[mc]?js$/.test(name)).map((name) => name.replace(/\.[mc]?js$/, ""));
  } catch {
    return [];
  }
}

// -- what is in it -------------------------------------------------------------

function parse(file, shown) {
  if (fs.statSync(file).size > SOURCE_BYTES_MAX) throw new Refusal("bad_module", `${shown} is larger than ${SOURCE_BYTES_MAX} bytes`);
  const source = fs.readFileSync(file, "utf8");
  const comments = [];
  const attempt = (sourceType) =>
    acorn().parse(source, {
      sourceType, ecmaVersion: "latest", locations: true, allowHashBang: true,
      allowReturnOutsideFunction: sourceType === "script", onComment: (isBlock, text, start, end) => comments.push({ text, end, isBlock }),
    });
  const first = file.endsWith(".mjs") ? "module" : "script";
  try {
    return { tree: attempt(first), source, comments };
  } catch (problem) {
    if (first === "script" && !file.endsWith(".cjs") && /import|export|await/.test(problem.message)) {
      try {
        return { tree: attempt("module"), source, comments };
      } catch (second) {
        problem = second;
      }
    }
    if (problem instanceof RangeError) throw new Refusal("bad_module", `${shown} is nested too deeply to be parsed`);
    const line = problem.loc ? source.split("\n")[problem.loc.line - 1].trim() : "";
    throw new Refusal("bad_module", `${shown}:${problem.loc?.line ?? 1}: ${problem.message}${line ? `: ${shortened(line, 200)}` : ""}`);
  }
}

const isFunction = (node) => /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node?.type);

class Exports {
  constructor({ tree, source, comments }) {
    this.source = source;
    this.comments = comments;
    this.local = new Map(); // functions at the top, by name
    this.found = new Map();
    for (const node of tree.body) this.noteLocal(node.declaration ?? node, node);
    for (const node of tree.body) this.noteExport(node);
  }

  noteLocal(node, whole) {
    if (isFunction(node) && node.id) this.local.set(node.id.name, { node, whole });
    if (node.type !== "VariableDeclaration") return;
    for (const { id, init } of node.declarations) if (id.type === "Identifier" && isFunction(init)) this.local.set(id.name, { node: init, whole });
  }

  add(name, node, whole) {
    if (node?.type === "Identifier") ({ node, whole } = this.local.get(node.name) ?? {});
    if (!isFunction(node) || !/^[A-Za-z]\w*$/.test(name)) return;
    this.found.delete(name); // the last definition is the one that stays
    this.found.set(name, this.described(name, node, whole));
  }

  addAll(object) {
    for (const each of object.properties)
      if (each.type === "Property" && !each.computed) this.add(each.key.name ?? each.key.value, each.value, each);
  }

  noteExport(node) {
    if (node.type === "ExportNamedDeclaration" && node.declaration) {
      for (const [name, { node: call, whole }] of this.local) if (whole === node) this.add(name, call, node);
    } else if (node.type === "ExportNamedDeclaration" && !node.source) {
      for (const each of node.specifiers) this.add(each.exported.name, each.local, node);
    } else if (node.type === "ExportDefaultDeclaration") {
      if (node.declaration.type === "ObjectExpression") this.addAll(node.declaration);
    } else if (node.type === "ExpressionStatement") {
      this.noteAssignment(node.expression, node);
    }
  }

  // exports.f = g, module.exports.f = g, module.exports = {f, g}; also in a row: exports.f = exports.g = h.
  noteAssignment(node, whole) {
    if (node.type !== "AssignmentExpression" || node.left.type !== "MemberExpression") return;
    let value = node.right;
    while (value.type === "AssignmentExpression") {
      this.noteAssignment(value, whole);
      value = value.right;
    }
    const left = this.source.slice(node.left.start, node.left.end).replace(/\s+/g, "");
    const member = /^(?:module\.)?exports\.(\w+)$/.exec(left);
    if (left === "module.exports" && value.type === "ObjectExpression") this.addAll(value);
    else if (member) this.add(member[1], value, whole);
  }

  described(name, node, whole) {
    const all = parametersOf(node, this.source);
    const has = (word) => all.some((each) => each.name === word);
    return {
      function: name,
      parameters: all.filter((each) => !PROVIDED.includes(each.name))
        .map((each) => ({ annotation: "", ...each, ...(each.default && { default: shortened(each.default) }) })),
      returns: "",
      summary: shortened(this.summary(whole), 200),
      takes_plugs: has("plugs"),
      takes_output: has("output"),
    };
  }

  // The first line of the comment that stands right above.
  summary(whole) {
    let { start } = whole;
    let first = "";
    for (const { text, end, isBlock } of [...this.comments].reverse()) {
      if (end > start) continue;
      if (/\S|\n\s*\n/.test(this.source.slice(end, start))) break;
      const line = text.split("\n").map((each) => each.replace(/^[\s*]+|\s+$/g, "")).find((each) => each);
      if (!isBlock || first === "") first = line ?? first;
      if (isBlock) break;
      start = end - text.length - 2; // lines of // belong together
    }
    return first;
  }
}

function discover(request) {
  const { root, file } = findModule(request);
  try {
    const parsed = parse(path.join(request.checkout, file), file);
    const functions = [...new Exports(parsed).found.values()];
    return { import_root: root, file, functions: replaced(functions, request.replacements ?? {}) };
  } catch (problem) {
    if (problem instanceof RangeError) throw new Refusal("bad_module", `${file} is nested too deeply to be read`);
    throw problem;
  }
}

// What a replacement declares takes the place of what the module does.
function replaced(functions, replacements) {
  for (const [name, source] of Object.entries(replacements)) {
    const at = functions.findIndex((each) => each.function === name);
    if (at < 0) throw new Refusal("bad_module", `the module has no function ${name} to be replaced`);
    let tree;
    try {
      tree = acorn().parse(source, { sourceType: "script", ecmaVersion: "latest" });
    } catch (problem) {
      throw new Refusal("bad_module", `the replacement of ${name}: ${problem.message}`);
    }
    const local = new Exports({ tree, source, comments: [] }).local.get(name);
    if (!local) throw new Refusal("bad_module", `the replacement of ${name} declares no function of this name`);
    functions[at] = new Exports({ tree: { body: [] }, source, comments: [] }).described(name, local.node, local.whole);
  }
  return functions;
}

function main() {
  let answer;
  try {
    answer = discover(JSON.parse(fs.readFileSync(0, "utf8")));
  } catch (problem) {
    if (!(problem instanceof Refusal)) throw problem;
    answer = { error: { code: problem.code, text: problem.message, hint: problem.hint } };
  }
  fs.writeSync(1, JSON.stringify(answer));
}

main();
