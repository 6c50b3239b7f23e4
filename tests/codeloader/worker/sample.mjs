// An ECMAScript module for the tests of the Node worker.

/** Says hello. */
export async function hello(name, { loud = false } = {}) {
  const text = `hello ${name}`;
  return loud ? text.toUpperCase() : text;
}

export const twice = (n) => 2 * n;

console.log("loading");
