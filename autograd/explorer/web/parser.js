/* Programs as people type them, read word by word, as language.py reads them: the same texts, the same faults, at
   the same places. A program is data here, run by recorder.js; nothing of it is ever run as JavaScript. */

import { LANGUAGE } from "./language.js";

const { constants, deepest, functions, keywords, longest, reasons } = LANGUAGE;

/** What is wrong with a program, and where: `from` counts the units of the text, `column` its letters. */
class Fault extends Error {
  constructor(text, reason, from, values = {}) {
    super((reasons[reason] ?? reason).replace(/\{(\w+)\}/g, (_, key) => values[key]));
    const before = text.slice(0, from).split("\n");
    Object.assign(this, { reason, values, from, line: before.length, column: [...before.at(-1)].length });
  }
}

const counted = (number) => number.toLocaleString("en-US");

// --- words -------------------------------------------------------------------------------------------------

const TOKEN = new RegExp(
  "(?<space>[ \\t\\f\\r]+|#[^\\n]*)|(?<line>\\n)"
  + "|(?<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:[0-9][0-9_]*\\.?[0-9_]*|\\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)"
  + "|(?<sign>\\*\\*|//|==|!=|<=|>=|:=|<<|>>|[-+*/%<>=()[\\]{},;:.^@&|~!])|(?<text>[\"'])",
  "y",
);
const FIRST = /[_\p{XIDS}]/uy;
const REST = /[\p{XIDC}]*/uy;
const inside = (text, at) => (REST.lastIndex = at, REST.exec(text)[0]);

function indent(text, at) {
  let width = 0;
  for (const letter of text.slice(text.lastIndexOf("\n", at - 1) + 1, at)) width += letter === "\t" ? 8 - (width % 8) : 1;
  return width;
}

function words(text) {
  const found = [];
  const indents = [];
  const add = (kind, word, at) => found.push({ kind, text: word, at });
  let at = 0;
  let brackets = 0;
  let begins = true; // a line
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    const [kind, word] = match ? Object.entries(match.groups).find(([, each]) => each !== undefined) : ["", ""];
    if (kind === "space") {
      at += word.length;
      continue;
    }
    if (kind === "line") {
      if (!brackets && !begins) add("line", "", at);
      begins ||= !brackets;
      at += 1;
      continue;
    }
    if (begins) {
      begins = false;
      const width = indent(text, at);
      if (!indents.length) indents.push(width);
      if (width > indents.at(-1)) {
        indents.push(width);
        add("indent", "", at);
      }
      while (width < (indents.at(-1) ?? 0)) {
        indents.pop();
        if (!indents.length || width > indents.at(-1)) throw new Fault(text, "indent", at);
        add("dedent", "", at);
      }
    }
    if (kind === "text") throw new Fault(text, "text", at);
    if (!match) {
      FIRST.lastIndex = at;
      const name = FIRST.test(text) ? inside(text, at).normalize("NFKC") : "";
      const whole = name && /^[_\p{XIDS}]\p{XIDC}*$/u.test(name);
      if (!whole) {
        const letter = text.codePointAt(at);
        const seen = letter > 32 && letter < 127 ? text[at] : `U+${letter.toString(16).toUpperCase().padStart(4, "0")}`;
        throw new Fault(text, "letter", at, { found: seen });
      }
      add(keywords.includes(name) ? "keyword" : "name", name, at);
      at += inside(text, at).length;
      continue;
    }
    if (kind === "number" && inside(text, at + word.length)) {
      const imaginary = /^[jJ]$/.test(inside(text, at + word.length));
      throw new Fault(text, imaginary ? "text" : "product", at);
    }
    if ("([{".includes(word)) brackets += 1;
    if (")]}".includes(word)) brackets = Math.max(0, brackets - 1);
    add(kind, word, at);
    at += word.length;
  }
  add("line", "", at);
  for (let place = 1; place < indents.length; place += 1) add("dedent", "", at);
  add("end", "", at);
  return found;
}

// --- parsing -----------------------------------------------------------------------------------------------

const LEVELS = [["<", ">"], ["+", "-"], ["*", "/", "//", "%"]]; // binding more and more tightly
const OTHER_SIGNS = ["@", "&", "|", "~", "<<", ">>", "!"];
const COMPARED = ["<", ">", "==", "!=", "<=", ">="];
const UNEXPECTED = new Map(Object.entries({
  "^": "power", "=": "one_name", ".": "dotted", if: "choice", and: "joined", or: "joined", not: "joined",
}));

/** Statements from words: recursive descent, in which nesting is counted. */
class Parser {
  constructor(text) {
    this.text = text;
    this.words = words(text);
    this.place = this.depth = 0;
    this.assigned = new Set();
    this.first = new Map(); // where a name that nothing was assigned to is used first
  }

  get word() { return this.words[this.place]; }

  next() { return this.words[this.place++]; }

  sees(...signs) { return ["sign", "keyword"].includes(this.word.kind) && signs.includes(this.word.text); }

  fail(reason, word = this.word, values = {}) { throw new Fault(this.text, reason, word.at, values); }

  expect(sign) {
    if (!this.sees(sign)) this.unexpected(sign);
    return this.next();
  }

  deeper(by) {
    this.depth += by;
    if (this.depth > deepest) this.fail("deep");
  }

  /** Say what is wrong with a word that cannot stand behind an expression. */
  unexpected(what) {
    const { kind, text: found } = this.word;
    const written = kind === "sign" || kind === "keyword";
    if (written && UNEXPECTED.has(found)) this.fail(UNEXPECTED.get(found));
    if (kind === "sign" && COMPARED.includes(found)) this.fail("compare");
    if (kind === "sign" && OTHER_SIGNS.includes(found)) this.fail("no_operator", this.word, { found });
    if (kind === "name" || kind === "number" || found === "(" || found === "[") this.fail("product");
    if (what) this.fail("expected", this.word, { what });
    this.fail(found === "," ? "single" : "operator");
  }

  // statements

  program() {
    const statements = this.statements(true);
    if (!statements.length) throw new Fault(this.text, "nothing", 0);
    return statements;
  }

  statements(top) {
    const found = [];
    while (!["end", "dedent"].includes(this.word.kind)) {
      if (this.word.kind === "line") {
        this.next();
        continue;
      }
      if (this.word.kind === "indent") this.fail("indent");
      found.push(this.statement(top));
    }
    return found;
  }

  statement(top) {
    const begin = this.word;
    if (this.sees("for")) return this.loop();
    const follows = this.words[this.place + 1];
    if (begin.kind === "keyword" && !["not", "lambda", "True", "False", "None"].includes(begin.text)) this.fail("statement");
    if (begin.kind === "name" && follows.kind === "sign" && follows.text === "=") {
      this.place += 2;
      const code = this.expression();
      if (this.first.has(begin.text)) this.fail("before", begin, { found: begin.text });
      this.assigned.add(begin.text);
      this.end();
      return { kind: "assign", name: begin.text, code, at: begin.at };
    }
    const code = this.expression();
    this.end();
    if (!top || this.words.slice(this.place).some(({ kind }) => kind !== "line" && kind !== "end")) this.fail("last", begin);
    return { kind: "result", code, at: begin.at };
  }

  end() {
    if (this.word.kind === "line" || this.sees(";")) this.next();
    else if (this.word.kind !== "end") this.unexpected("");
  }

  loop() {
    const begin = this.next();
    const name = this.newName();
    this.expect("in");
    const code = this.expression();
    if (this.first.has(name.text)) this.fail("before", name, { found: name.text });
    this.assigned.add(name.text);
    this.expect(":");
    this.deeper(1);
    let body = [];
    if (this.word.kind === "line") {
      this.next();
      if (this.word.kind !== "indent") this.fail("block");
      this.next();
      body = this.statements(false);
      this.next();
    } else {
      while (!["line", "end"].includes(this.word.kind)) {
        const line = this.word.at;
        body.push(this.statement(false));
        if (this.text.slice(line, this.word.at).includes("\n")) break;
      }
    }
    this.deeper(-1);
    if (!body.length) this.fail("block");
    return { kind: "for", name: name.text, code, body, at: begin.at };
  }

  newName() {
    if (this.word.kind === "keyword") this.fail("keyword", this.word, { found: this.word.text });
    if (this.word.kind !== "name") this.fail("expected", this.word, { what: "a name" });
    return this.next();
  }

  // expressions: instructions of a stack machine, [kind, what, place]

  expression() {
    const code = [];
    this.level(0, code);
    return code;
  }

  level(level, code) {
    if (level === LEVELS.length) return this.signed(code);
    this.level(level + 1, code);
    while (this.word.kind === "sign" && LEVELS[level].includes(this.word.text)) {
      const sign = this.next();
      this.level(level + 1, code);
      code.push(["operator", sign.text, sign.at]);
      if (level === 0 && this.word.kind === "sign" && COMPARED.includes(this.word.text)) this.fail("compare");
    }
  }

  signed(code) {
    if (!this.sees("-", "+")) return this.power(code);
    const sign = this.next();
    this.deeper(1);
    this.signed(code);
    this.deeper(-1);
    if (sign.text === "-") code.push(["negative", null, sign.at]);
  }

  power(code) {
    this.atom(code);
    while (this.sees("[")) {
      const sign = this.next();
      this.deeper(1);
      this.level(0, code);
      this.deeper(-1);
      this.expect("]");
      code.push(["index", null, sign.at]);
    }
    if (!this.sees("**")) return;
    const sign = this.next();
    this.deeper(1);
    this.signed(code);
    this.deeper(-1);
    code.push(["operator", "**", sign.at]);
  }

  atom(code) {
    const { word } = this;
    if (word.kind === "number") {
      this.next();
      code.push(["number", this.number(word), word.at]);
    } else if (word.kind === "name") {
      this.next();
      if (this.sees("(")) return this.call(word, code);
      if (!this.assigned.has(word.text) && !this.first.has(word.text)) this.first.set(word.text, word.at);
      code.push(["name", word.text, word.at]);
    } else if (this.sees("(")) {
      this.next();
      this.deeper(1);
      this.level(0, code);
      this.deeper(-1);
      this.expect(")");
    } else if (this.sees("[")) this.list("]", code);
    else if (this.sees("True", "False", "None")) this.fail("text");
    else if (word.kind === "keyword") this.fail(word.text === "not" ? "joined" : "keyword", word, { found: word.text });
    else this.fail("operand");
  }

  number(word) {
    const digits = word.text;
    if (/__|_$|_[.eE]|\._|0[xXbBoO]_?$/.test(digits)) this.fail("operand", word);
    const number = Number(digits.replaceAll("_", ""));
    if (number === Infinity) this.fail("large", word);
    return number;
  }

  call(name, code) {
    const known = Object.hasOwn(functions, name.text) || name.text === "range" || name.text === "len";
    if (!known) this.fail("function", name, { found: name.text, near: nearest(name.text, Object.keys(functions)) });
    code.push(["call", [name.text, this.list(")", code, name)], name.at]);
  }

  /** Elements between commas, or "element for name in list"; of a call how many arguments there are. */
  list(closing, code, called = null) {
    const begin = this.next();
    this.deeper(1);
    let count = 0;
    while (!this.sees(closing)) {
      const [start, { at }] = [code.length, this.word];
      this.level(0, code);
      count += 1;
      if (this.sees("for")) {
        if (count > 1) this.unexpected(`, or ${closing}`);
        this.comprehension(start, at, code);
        this.deeper(-1);
        this.expect(closing);
        return 1;
      }
      if (!this.sees(",")) break;
      this.next();
    }
    if (this.sees("=") && called) this.fail("named");
    if (!this.sees(closing)) this.unexpected(`, or ${closing}`);
    this.next();
    this.deeper(-1);
    if (!called) code.push(["list", count, begin.at]);
    return count;
  }

  /** "element for name in list"; the code of the element, which begins there, is already read. */
  comprehension(start, at, code) {
    const begin = this.next();
    const name = this.newName();
    if ((this.first.get(name.text) ?? -1) >= at) this.first.delete(name.text); // what the element uses is this name
    const element = code.splice(start);
    this.expect("in");
    this.level(0, code);
    code.push(["each", [name.text, element], begin.at]);
  }
}

/** A program that was checked: its statements, and its free names with where each is used first. */
function parse(text) {
  const count = [...text].length;
  if (count > longest) throw new Fault("", "long", 0, { count: counted(count), limit: counted(longest) });
  const parser = new Parser(text);
  const statements = parser.program();
  const free = [...parser.first].filter(([name]) => !Object.hasOwn(constants, name)).sort(([, one], [, other]) => one - other);
  return { text, statements, free: new Map(free) };
}

// --- names that are near -----------------------------------------------------------------------------------

/** A question that names the nearest of some names; nothing, if none is near. */
function nearest(name, names) {
  const letters = [...name].slice(0, 40);
  let best = null;
  for (const other of names) {
    const against = [...other];
    const differs = letters.findIndex((letter, place) => letter !== against[place]);
    const same = differs < 0 ? letters.length : differs;
    const found = { other, distance: distance(letters, against), same };
    if (!best || found.distance < best.distance || (found.distance === best.distance && found.same > best.same)) best = found;
  }
  return best && best.distance <= Math.max(1, Math.floor(letters.length / 3)) ? `; did you mean ${best.other}?` : "";
}

/** How many letters are to be put in, left out or replaced (Levenshtein 1966). */
function distance(one, other) {
  const row = Array.from({ length: other.length + 1 }, (_, place) => place);
  one.forEach((letter, place) => {
    let before = row[0];
    row[0] = place + 1;
    other.forEach((against, column) => {
      const replaced = before + (letter !== against);
      before = row[column + 1];
      row[column + 1] = Math.min(row[column] + 1, before + 1, replaced);
    });
  });
  return row.at(-1);
}

export { Fault, counted, nearest, parse };
