/* A program is recorded: its operations become the nodes of a graph, as Formula.record of language.py makes them. */

import { LANGUAGE } from "./language.js";
import { Fault, counted } from "./parser.js";

const { constants, functions, longestRange, mostNested, mostSteps, operators } = LANGUAGE;

/** The row that was applied to operands of these shapes; null where the page has none for so long a list. */
const shape = (operands) => operands.map((each) => (Array.isArray(each) ? each.length : "n")).join(",");
const rowOf = (name, operands) => (Object.hasOwn(LANGUAGE.rows, name) ? LANGUAGE.rows[name][shape(operands)] : undefined) ?? null;

const isNode = (value) => typeof value === "object" && !Array.isArray(value);
const numberOf = (value) => (isNode(value) ? value.data : value);
const depthOf = (list) => list.depth ?? 1;

/** A graph as it is recorded. A node has the name of its row, its operands, its number and where it was recorded. */
class Recorder {
  /** `rows` has for each row and shape of operands an object with `forward`; `numbers` those of the free names. */
  constructor(program, rows, numbers) {
    Object.assign(this, { text: program.text, program, rows, steps: 0 });
    this.known = new Map(Object.entries(constants));
    this.leaves = [];
    for (const [name, at] of program.free) this.known.set(name, this.leaf(numbers.get(name) ?? 1, name, at));
  }

  fail(reason, at, values = {}) { throw new Fault(this.text, reason, at, values); }

  leaf(data, label, at) {
    const node = { op: "", operands: [], data, label, at, constant: false };
    this.leaves.push(node);
    return node;
  }

  result() {
    const { statements } = this.program;
    const { at } = statements.at(-1);
    const last = this.all(statements);
    if (last === null || Array.isArray(last)) this.fail(last === null ? "none" : "result", at);
    return isNode(last) ? last : this.leaf(last, "", at);
  }

  all(statements) {
    let last = null;
    for (const { kind, name, code, body, at } of statements) {
      last = this.run(code);
      if (kind === "assign") this.known.set(name, (last = this.labelled(last, name, at)));
      if (kind !== "for") continue;
      const elements = this.elements(last, at);
      last = null;
      for (const each of elements) {
        this.known.set(name, each);
        this.count(at);
        last = this.all(body);
      }
    }
    return last;
  }

  count(at) {
    this.steps += 1;
    if (this.steps > mostSteps) this.fail("steps", at, { limit: counted(mostSteps) });
  }

  run(code) {
    const stack = [];
    for (const [kind, what, at] of code) {
      this.count(at);
      if (kind === "number") stack.push(what);
      else if (kind === "name") {
        if (!this.known.has(what)) this.fail("unset", at, { found: what });
        stack.push(this.known.get(what));
      } else if (kind === "negative") {
        const operand = this.number(stack.pop(), at);
        stack.push(isNode(operand) ? this.applied("neg", [operand], at) : -operand);
      } else if (kind === "operator") {
        const right = this.number(stack.pop(), at);
        const left = this.number(stack.pop(), at);
        stack.push(this.combined(what, left, right, at));
      } else if (kind === "list") stack.push(this.list(what ? stack.splice(-what) : [], at));
      else if (kind === "index") {
        const place = stack.pop();
        stack.push(this.element(stack.pop(), place, at));
      } else if (kind === "each") stack.push(this.each(stack.pop(), what, at));
      else {
        const [name, count] = what;
        stack.push(this.called(name, count ? stack.splice(-count) : [], at));
      }
    }
    return stack[0];
  }

  each(values, [name, element], at) {
    const before = this.known.get(name);
    const found = this.elements(values, at).map((each) => {
      this.known.set(name, each);
      return this.run(element);
    });
    if (before === undefined) this.known.delete(name);
    else this.known.set(name, before);
    return this.list(found, at);
  }

  combined(sign, left, right, at) {
    if (sign === "<") return this.combined(">", right, left, at);
    const constantPower = sign === "**" && isNode(left) && !isNode(right);
    return this.applied(constantPower ? "pow" : operators[sign], [left, right], at);
  }

  /** A row applied to nodes, numbers and lists of them: a node, or of numbers alone a number. */
  applied(name, operands, at) {
    const place = rowOf(name, operands);
    if (place === null) this.fail("wide", at, { limit: LANGUAGE.widest });
    const row = this.rows[place];
    if (!operands.flat().some(isNode)) return row.forward(...operands);
    const nodes = operands.map((each) => (Array.isArray(each) ? each.map((one) => this.node(one, at)) : this.node(each, at)));
    const data = row.forward(...nodes.map((each) => (Array.isArray(each) ? each.map(numberOf) : each.data)));
    return { op: name, row: place, operands: nodes, data, label: "", at, constant: false };
  }

  node(value, at) {
    return isNode(value) ? value : { op: "", operands: [], data: value, label: "", at, constant: true };
  }

  number(value, at) {
    if (Array.isArray(value)) this.fail("list", at);
    return value;
  }

  list(values, at) {
    values.depth = 1 + Math.max(0, ...values.filter(Array.isArray).map(depthOf));
    if (values.depth > mostNested) this.fail("nested", at, { limit: mostNested });
    return values;
  }

  elements(values, at) {
    if (!Array.isArray(values)) this.fail("no_list", at);
    return values;
  }

  whole(value, at) {
    if (!Number.isInteger(value)) this.fail("whole", at);
    return value;
  }

  element(values, place, at) {
    this.elements(values, at);
    const number = this.whole(place, at);
    if (number < -values.length || number >= values.length) this.fail("index", at, { found: written(number), count: values.length });
    return values.at(number);
  }

  called(name, given, at) {
    if (name === "range") return this.range(given, at);
    if (name === "len") {
      if (given.length !== 1) this.fail("usage", at, { usage: "len([a, b])" });
      return this.elements(given[0], at).length;
    }
    const { row, takes, least, usage, spread, each, filled } = functions[name];
    const operands = spread && given.length && !given.some(Array.isArray) ? [this.list(given, at)] : given;
    const right = operands.length >= least && operands.length <= takes.length
      && operands.every((one, place) => Array.isArray(one) === (takes[place] === "list"));
    if (!right) this.fail("usage", at, { usage });
    for (const values of operands.filter(Array.isArray)) {
      for (const one of values) this.number(one, at);
      if (filled && !values.length) this.fail("empty", at, { found: name });
    }
    if (name === "dot" && operands[0].length !== operands[1].length) {
      this.fail("lengths", at, { weights: operands[0].length, inputs: operands[1].length });
    }
    if (name === "take") {
      const [place, last] = [numberOf(operands[1]), operands[0].length - 1];
      if (!Number.isInteger(place) || place < 0 || place > last) this.fail("taken", at, { last });
    }
    if (!each) return this.applied(row, operands, at);
    const [values] = operands;
    return this.list(values.map((one, place) => this.applied(row, [one, values.toSpliced(place, 1)], at)), at);
  }

  range(given, at) {
    if (given.length < 1 || given.length > 3) this.fail("usage", at, { usage: "range(stop) or range(start, stop)" });
    const numbers = given.map((each) => this.whole(each, at));
    const [start, stop] = numbers.length === 1 ? [0, numbers[0]] : numbers;
    const step = numbers[2] ?? 1;
    const count = Math.max(0, Math.ceil((stop - start) / step));
    if (step === 0 || count > longestRange) this.fail("range", at, { limit: counted(longestRange) });
    return this.list(Array.from({ length: count }, (_, place) => start + place * step), at);
  }

  /** An assigned value: a number becomes a leaf, and a node without a label takes the name. */
  labelled(value, name, at) {
    if (Array.isArray(value)) return this.list(value.map((each, place) => this.labelled(each, `${name}[${place}]`, at)), at);
    this.count(at); // a list of lists that are one list has many more elements than steps made it
    if (!isNode(value)) return this.leaf(value, name, at);
    value.label ||= name;
    return value;
  }
}

/** A whole number as Python writes it. */
const written = (number) => BigInt(number).toString();

/** Every node that the output depends on, each after its operands: in the order of the engine's search. */
function topologicalOrder(output) {
  const order = [];
  const seen = new Set();
  const stack = [output];
  while (stack.length) {
    const node = stack.pop();
    if (node === null) order.push(stack.pop());
    else if (!seen.has(node)) {
      seen.add(node);
      if (!Array.isArray(node)) stack.push(node, null);
      stack.push(...[...(Array.isArray(node) ? node : node.operands)].reverse());
    }
  }
  return order;
}

/** The nodes of the graph that a program records, the output last. */
function record(program, rows, numbers = new Map()) {
  return topologicalOrder(new Recorder(program, rows, numbers).result());
}

export { record };
