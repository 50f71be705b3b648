/* Programs as people type them, read as language.py reads them: the same texts, and the same faults at the same
   places. A program is data, which recorder.js runs; nothing of it runs as JavaScript. */

import { LANGUAGE } from "./language.js";

const { constants, deepest, functions, grammar, keywords, longest, reasons } = LANGUAGE;

/** An error of a program and its place: `from` in units of the text, `column` in letters. */
class Fault extends Error {
  constructor(text, reason, from, values = {}) {
    super((reasons[reason] ?? reason).replace(/\{(\w+)\}/g, (_, key) => values[key]));
    const before = text.slice(0, from).split("\n");
    Object.assign(this, { reason, values, from, line: before.length, column: [...before.at(-1)].length });
  }
}

const counted = (number) => number.toLocaleString("en-US");

// --- words -------------------------------------------------------------------------------------------------

const TOKEN = new RegExp(grammar.token, "y");
const MALFORMED = new RegExp(grammar.malformed);
const LETTERS = /[\p{XIDC}]*/uy;
const letters = (text, at) => (LETTERS.lastIndex = at, LETTERS.exec(text)[0]);

function indent(text, at) {
  let width = 0;
  for (const letter of text.slice(text.lastIndexOf("\n", at - 1) + 1, at)) width += letter === "\t" ? 8 - (width % 8) : 1;
  return width;
}

function words(text) {
  const found = [];
  const indents = [];
  const add = (kind, word, at) => found.push({ kind, text: word, at });
  let [at, brackets, lineBegins] = [0, 0, true];
  while (at < text.length) {
    TOKEN.lastIndex = at;
    let [kind, word] = Object.entries(TOKEN.exec(text)?.groups ?? {}).find(([, each]) => each !== undefined) ?? ["name", ""];
    if (kind === "line") {
      if (!brackets && !lineBegins) add("line", "", at);
      lineBegins ||= !brackets;
    } else if (kind !== "space" && lineBegins) {
      lineBegins = false;
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
    if (kind === "name") {
      word = letters(text, at);
      const name = word.normalize("NFKC");
      if (!/^[_\p{XIDS}]\p{XIDC}*$/u.test(name)) {
        const letter = text.codePointAt(at);
        throw new Fault(text, "letter", at, { found: letter > 32 && letter < 127 ? text[at] : `U+${letter.toString(16).toUpperCase().padStart(4, "0")}` });
      }
      add(keywords.includes(name) ? "keyword" : "name", name, at);
    } else if (kind === "number" || kind === "sign") {
      const follows = kind === "number" ? letters(text, at + word.length) : "";
      if (follows) throw new Fault(text, follows === "j" || follows === "J" ? "text" : "product", at);
      brackets = Math.max(0, brackets + "([{".includes(word) - ")]}".includes(word));
      add(kind, word, at);
    }
    at += word.length;
  }
  add("line", "", at);
  for (let place = 1; place < indents.length; place += 1) add("dedent", "", at);
  add("end", "", at);
  return found;
}

// --- parsing -----------------------------------------------------------------------------------------------

/** Statements from words, by recursive descent; `within` counts the nesting. */
class Parser {
  constructor(text) {
    this.text = text;
    this.words = words(text);
    this.place = this.depth = 0;
    this.assigned = new Set();
    this.first = new Map(); // the first use of each name that was not assigned before
  }

  get word() { return this.words[this.place]; }

  next() { return this.words[this.place++]; }

  sees(...signs) { return ["sign", "keyword"].includes(this.word.kind) && signs.includes(this.word.text); }

  accept(...signs) { return this.sees(...signs) ? this.next() : null; }

  expect(sign) {
    if (!this.accept(sign)) this.unexpected(sign);
  }

  fail(reason, word = this.word, values = {}) { throw new Fault(this.text, reason, word.at, values); }

  /** Read one level deeper. */
  within(read) {
    this.depth += 1;
    if (this.depth > deepest) this.fail("deep");
    const result = read();
    this.depth -= 1;
    return result;
  }

  /** Refuse a word that cannot follow an expression. */
  unexpected(what = "") {
    const { kind, text: found } = this.word;
    const known = ["sign", "keyword"].includes(kind) && Object.hasOwn(grammar.unexpected, found);
    const reason = kind === "name" || kind === "number" ? "product" : known ? grammar.unexpected[found] : "";
    if (what && (!reason || reason === "single")) this.fail("expected", this.word, { what });
    this.fail(reason || "operator", this.word, { found });
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
      if (this.word.kind === "indent") this.fail("indent");
      if (this.word.kind === "line") this.next();
      else found.push(this.statement(top));
    }
    return found;
  }

  statement(top) {
    const begin = this.word;
    if (this.accept("for")) return this.loop(begin);
    if (begin.kind === "keyword" && !["not", "lambda", "True", "False", "None"].includes(begin.text)) this.fail("statement");
    const follows = this.words[this.place + 1];
    const assigns = begin.kind === "name" && follows.kind === "sign" && follows.text === "=";
    if (assigns) this.place += 2;
    const code = this.expression();
    if (assigns) this.assign(begin);
    if (!this.accept(";")) {
      if (this.word.kind !== "line") this.unexpected();
      this.next();
    }
    if (assigns) return { kind: "assign", name: begin.text, code, at: begin.at };
    if (!top || this.words.slice(this.place).some(({ kind }) => kind !== "line" && kind !== "end")) this.fail("last", begin);
    return { kind: "result", code, at: begin.at };
  }

  assign(name) {
    if (this.first.has(name.text)) this.fail("before", name, { found: name.text });
    this.assigned.add(name.text);
  }

  loop(begin) {
    const name = this.newName();
    this.expect("in");
    const code = this.expression();
    this.assign(name);
    this.expect(":");
    const body = this.within(() => this.body());
    if (!body.length) this.fail("block");
    return { kind: "for", name: name.text, code, body, at: begin.at };
  }

  /** The indented lines below a loop, or the statements behind its colon. */
  body() {
    if (this.word.kind !== "line") {
      const found = [this.statement(false)];
      while (this.words[this.place - 1].text === ";" && this.word.kind !== "line") found.push(this.statement(false));
      return found;
    }
    this.next();
    if (this.word.kind !== "indent") this.fail("block");
    this.next();
    const statements = this.statements(false);
    this.next();
    return statements;
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
    if (level === grammar.levels.length) return this.signed(code);
    this.level(level + 1, code);
    for (let sign; (sign = this.accept(...grammar.levels[level]));) {
      this.level(level + 1, code);
      code.push(["operator", sign.text, sign.at]);
      if (level === 0 && this.sees(...grammar.compared)) this.fail("compare");
    }
  }

  signed(code) {
    const sign = this.accept("-", "+");
    if (!sign) return this.power(code);
    this.within(() => this.signed(code));
    if (sign.text === "-") code.push(["negative", null, sign.at]);
  }

  power(code) {
    this.atom(code);
    for (let sign; (sign = this.accept("["));) {
      this.within(() => this.level(0, code));
      this.expect("]");
      code.push(["index", null, sign.at]);
    }
    const sign = this.accept("**");
    if (!sign) return;
    this.within(() => this.signed(code));
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
    } else if (this.accept("(")) {
      this.within(() => this.level(0, code));
      this.expect(")");
    } else if (this.accept("[")) {
      const count = this.within(() => this.elements("]", code));
      if (count !== null) code.push(["list", count, word.at]);
    } else if (this.sees("True", "False", "None")) this.fail("text");
    else if (word.kind === "keyword") this.fail(word.text === "not" ? "joined" : "keyword", word, { found: word.text });
    else this.fail("operand");
  }

  number(word) {
    if (MALFORMED.test(word.text)) this.fail("operand", word);
    const number = Number(word.text.replaceAll("_", ""));
    if (number === Infinity) this.fail("large", word);
    return number;
  }

  call(name, code) {
    const known = Object.hasOwn(functions, name.text) || name.text === "range" || name.text === "len";
    if (!known) this.fail("function", name, { found: name.text, near: nearest(name.text, Object.keys(functions)) });
    this.next();
    code.push(["call", [name.text, this.within(() => this.elements(")", code)) ?? 1], name.at]);
  }

  /** The number of elements; null for "element for name in list", whose code makes the list. */
  elements(closing, code) {
    let count = 0;
    while (!this.sees(closing)) {
      const [start, { at }] = [code.length, this.word];
      this.level(0, code);
      count += 1;
      if (this.sees("for")) {
        if (count > 1) this.unexpected(`, or ${closing}`);
        this.comprehension(start, at, code);
        this.expect(closing);
        return null;
      }
      if (!this.accept(",")) break;
    }
    if (this.sees("=") && closing === ")") this.fail("named");
    if (!this.accept(closing)) this.unexpected(`, or ${closing}`);
    return count;
  }

  /** "element for name in list", where the element begins at `at` and its code at `start`. */
  comprehension(start, at, code) {
    const begin = this.next();
    const name = this.newName();
    if ((this.first.get(name.text) ?? -1) >= at) this.first.delete(name.text); // the element uses the new name
    const element = code.splice(start);
    this.expect("in");
    this.level(0, code);
    code.push(["each", [name.text, element], begin.at]);
  }
}

/** A checked program: its statements, and its free names with the place of their first use. */
function parse(text) {
  const count = [...text].length;
  if (count > longest) throw new Fault("", "long", 0, { count: counted(count), limit: counted(longest) });
  const parser = new Parser(text);
  const statements = parser.program();
  const free = [...parser.first].filter(([name]) => !Object.hasOwn(constants, name)).sort(([, one], [, other]) => one - other);
  return { text, statements, free: new Map(free) };
}

// --- names that are near -----------------------------------------------------------------------------------

/** A question with the nearest of some names; empty if none is near. */
function nearest(name, names) {
  const letters = [...name].slice(0, 40);
  let best = { distance: Infinity };
  for (const other of names) {
    const against = [...other];
    const differs = letters.findIndex((letter, place) => letter !== against[place]);
    const found = { other, distance: distance(letters, against), same: differs < 0 ? letters.length : differs };
    if (found.distance < best.distance || (found.distance === best.distance && found.same > best.same)) best = found;
  }
  return best.distance <= Math.max(1, Math.floor(letters.length / 3)) ? `; did you mean ${best.other}?` : "";
}

/** The number of letters to insert, delete or replace (Levenshtein 1966). */
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
