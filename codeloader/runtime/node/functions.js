// What a module offers, read from its source; and the functions of a loaded module, as they are called.
"use strict";

// The parser that comes with Node, whichever way this one was built.
function acorn() {
  try {
    return require("internal/deps/acorn/acorn/dist/acorn"); // with --expose-internals
  } catch {
    return require("acorn");
  }
}

const PROVIDED = ["plugs", "output"];
const POSITIONAL_ONLY = 0;
const POSITIONAL = 1;
const VAR_POSITIONAL = 2;

// [{name, kind, default?}] of a function's node; what is taken apart where it is declared has no name.
function parametersOf(node, source) {
  return node.params.map((param, index) => {
    const isDefault = param.type === "AssignmentPattern";
    const target = isDefault ? param.left : param;
    const text = (part) => source.slice(part.start, part.end);
    if (target.type === "RestElement") return { name: target.argument.name ?? `rest${index}`, kind: VAR_POSITIONAL };
    const out = target.type === "Identifier" ? { name: target.name, kind: POSITIONAL } : { name: `argument${index}`, kind: POSITIONAL_ONLY };
    if (isDefault) out.default = text(param.right);
    return out;
  });
}

// The parameters of a function at run time, from its own text.
function parametersOfFunction(call) {
  const text = Function.prototype.toString.call(call);
  for (const form of [`(${text})`, `({${text}})`, `({function ${text}})`]) {
    let tree;
    try {
      tree = acorn().parseExpressionAt(form, 0, { ecmaVersion: "latest" });
    } catch {
      continue; // a method, or native code
    }
    const node = tree.type === "ObjectExpression" ? tree.properties[0].value : tree;
    if (node.params) return parametersOf(node, form);
  }
  return undefined;
}

class BadArguments extends Error {}

class TaskFunction {
  constructor(name, call, receiver) {
    this.name = name;
    this.call = call;
    this.receiver = receiver;
    const text = Function.prototype.toString.call(call);
    this.mayBeProvided = PROVIDED.some((word) => text.includes(word));
  }

  parameters() {
    if (this.known === undefined) this.known = parametersOfFunction(this.call) ?? [];
    return this.known;
  }

  // The argument list of one call, and the fresh objects that the function is given.
  bind(positional, keyword) {
    const isNamed = Object.keys(keyword).length > 0;
    if (!isNamed && !this.mayBeProvided) return { args: positional };
    const given = {};
    const args = [];
    const left = new Map(Object.entries(keyword));
    let next = 0;
    for (const { name, kind } of this.parameters()) {
      if (kind === VAR_POSITIONAL) break;
      if (left.has(name)) {
        if (!PROVIDED.includes(name) && next < positional.length) throw new BadArguments(`argument ${name} is given twice`);
        args.push(left.get(name));
        left.delete(name);
      } else if (PROVIDED.includes(name)) {
        args.push((given[name] = {}));
      } else {
        args.push(next < positional.length ? positional[next] : undefined); // undefined: its default
        next += 1;
      }
    }
    if (left.size > 0) throw new BadArguments(`${this.name} has no parameter ${[...left.keys()].join(", ")}`);
    args.push(...positional.slice(next));
    return { args, ...given };
  }
}

module.exports = { acorn, BadArguments, parametersOf, PROVIDED, TaskFunction };
