// Plain functions of Node.js: what the module exports becomes sockets that can be called.
"use strict";

// A greeting for one person
exports.greet = (name, greeting = "Hello") => `${greeting}, ${name}!`;

// The sum of two numbers
exports.add = (left, right) => left + right;

// What it is given
exports.echo = (value) => value;

// The text in capitals, a moment later
exports.shout = async (text) => {
  console.log("shouting", text); // what a function prints is the log of its call
  await new Promise((resolve) => setImmediate(resolve));
  return text.toUpperCase();
};

// Sends the number on the output named even or odd
exports.sort_out = (number, plugs) => {
  plugs[number % 2 === 0 ? "even" : "odd"] = number;
};

// A failure: type, message and stack come with the call
exports.divide = (dividend, divisor) => {
  if (divisor === 0) throw new RangeError("division by zero");
  return dividend / divisor;
};
