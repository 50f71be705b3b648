"use strict";

/* The page knows no mathematics: it fills numbers of the engine into drawings and sentences, and adds up
   the shares of a gradient as they arrive. `story` is what there is to say, `numbers` the columns. */

(async () => {
  const find = (id) => document.getElementById(id);
  const range = (size) => Array.from({ length: size }, (_, place) => place);

  if (typeof DecompressionStream === "undefined") {
    find("sentence").textContent = "This browser is too old for this page: it cannot unpack the numbers.";
    return;
  }
  const unpacked = async (id) => {
    const bytes = Uint8Array.from(atob(find(id).textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  };
  const story = JSON.parse(new TextDecoder().decode(await unpacked("story")));
  const numbers = new Float64Array(await unpacked("numbers"));
  const { nodes, edges, runs, pictures } = story;
  const output = nodes.length - 1;

  /* --- numbers ------------------------------------------------------------------------------------ */

  const offsets = [];
  story.lengths.reduce((offset, length) => (offsets.push(offset), offset + length), 0);
  const at = (column, frame = state.frame) =>
    numbers[offsets[column] + (story.lengths[column] > 1 ? frame : 0)];
  const data = (node, frame) => at(nodes[node].data, frame);
  const grad = (node, frame) => at(nodes[node].grad, frame);
  const taken = (edge) => at(edges[edge].taken) !== 0;

  /** A number in writing: as Python's format :.6g, with a real minus sign; with an exponent below `least`. */
  function written(number, digits = 6, least = 1e-4) {
    if (!Number.isFinite(number)) return Number.isNaN(number) ? "nan" : number > 0 ? "∞" : "−∞";
    if (number === 0) return "0";
    const rounded = Number(number.toPrecision(digits));
    const size = Math.abs(rounded);
    const small = size < least || size >= 10 ** digits;
    const text = small ? String(Number(number.toExponential(digits - 1)).toExponential()) : String(rounded);
    return text.replace("e+", "e").replaceAll("-", "−");
  }

  /** All digits: what the engine computed, to the last bit. */
  const exact = (number) =>
    Number.isFinite(number) ? String(number).replaceAll("-", "−") : written(number);

  const inside = (number) => (number < 0 ? `(${written(number)})` : written(number));
  const filled = (template) =>
    template.replace(/\ue000(\d+)\ue001/g, (_, node) => inside(data(Number(node))));

  /* --- writing ------------------------------------------------------------------------------------ */

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** Text as mathematics: names with their indices below. Copied, it is the plain text again. */
  function typeset(text) {
    const line = document.createDocumentFragment();
    let end = 0;
    for (const match of text.matchAll(/(\p{L}+)(?:(_)(\w+)|(\d+))(?![\w.])/gu)) {
      if (match.index > 0 && /[\w.]/.test(text[match.index - 1])) continue;
      line.append(text.slice(end, match.index), match[1]);
      if (match[2]) line.append(element("span", { class: "off" }, "_"));
      line.append(element("sub", {}, match[3] ?? match[4]));
      end = match.index + match[0].length;
    }
    line.append(text.slice(end));
    return line;
  }

  /** ∂top/∂bottom as a fraction. */
  const slope = (top, bottom) =>
    element(
      "span", { class: "fraction" },
      element("span", {}, "∂", typeset(nodes[top].name)),
      element("span", { class: "off" }, "/"),
      element("span", {}, "∂", typeset(nodes[bottom].name)),
    );
  const gradient = (node) => slope(output, node);

  /** A line of mathematics from texts, which are set, and elements. */
  const line = (...parts) => parts.map((part) => (typeof part === "string" ? typeset(part) : part));
  const name = (node) => nodes[node].name;
  const listed = (names, most = 6) =>
    names.length <= most
      ? names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join("")
      : `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`;
  const counted = (count, thing) => `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;
  const equal = (formula, template) =>
    formula ? ` = ${formula}${template && template !== formula ? ` = ${filled(template)}` : ""}` : "";

  /* --- the graph ---------------------------------------------------------------------------------- */

  const into = nodes.map(() => []);
  const outof = nodes.map(() => []);
  edges.forEach((edge, place) => {
    into[edge.head].push(place);
    outof[edge.tail].push(place);
  });
  const parameters = range(nodes.length).filter((node) => "after" in nodes[node]);
  const trains = parameters.length > 0;

  const state = {
    picture: 0, run: 0, frame: runs[0].start, step: 0, selected: null, hovered: null, zoom: 0,
  };

  const run = () => runs[state.run];
  const frameInRun = () => state.frame - run().start;
  const epoch = () => run().epochs[frameInRun()];
  const updates = () => trains && frameInRun() < run().stop - run().start - (run().stop - run().start > 1 ? 1 : 0);

  /** What depends on a node, itself included: where its paths to the output lead. */
  function reached(node) {
    const found = new Set([node]);
    edges.forEach((edge, place) => {
      if (found.has(edge.tail) && taken(place)) found.add(edge.head);
    });
    return found;
  }

  /* --- steps -------------------------------------------------------------------------------------- */

  const PHASES = ["Given", "Forward pass", trains ? "Loss" : "Output", "Backward pass", "Update"];

  /** The steps through one picture: what is in a closed box takes one step together. */
  function stepsOf(picture) {
    const { boxes, order } = picture;
    const home = [];
    boxes.forEach((box, place) => box.nodes.forEach((node) => (home[node] = place)));
    const steps = [{ phase: 0, kind: "given", boxes: [] }];
    const known = nodes.map(() => 0); // the step that computes the data of each node
    const arrival = edges.map(() => 0); // the step that carries a share along each edge
    const single = (box) => boxes[box].nodes.length === 1;
    for (const box of order) {
      const computed = boxes[box].nodes.filter((node) => nodes[node].op);
      if (!computed.length) continue;
      for (const node of computed) known[node] = steps.length;
      const kind = single(box) ? "node" : "group";
      steps.push({ phase: computed.includes(output) ? 2 : 1, kind, box, node: computed.at(-1), boxes: [box] });
    }
    const seed = steps.length;
    steps.push({ phase: 3, kind: "seed", node: output, boxes: [home[output]] });
    for (const box of [...order].reverse()) {
      const arriving = boxes[box].nodes.flatMap((node) => into[node]);
      if (!arriving.length) continue;
      if (single(box)) {
        for (const edge of arriving) {
          arrival[edge] = steps.length;
          steps.push({ phase: 3, kind: "edge", edge, node: edges[edge].tail, boxes: [home[edges[edge].tail], box] });
        }
      } else {
        for (const edge of arriving) arrival[edge] = steps.length;
        steps.push({ phase: 3, kind: "back", box, node: boxes[box].nodes.at(-1), boxes: [box] });
      }
    }
    const backward = steps.length;
    for (const box of order) {
      const moved = boxes[box].nodes.filter((node) => "after" in nodes[node]);
      if (!moved.length) continue;
      steps.push({ phase: 4, kind: single(box) ? "update" : "updates", box, node: moved[0], moved, boxes: [box] });
    }
    const groups = boxes.map((box) => [
      ...new Set(box.nodes.filter((node) => nodes[node].op && (node === output || outof[node].some((edge) => home[edges[edge].head] !== home[node])))),
    ]);
    return { steps, known, arrival, seed, backward, home, groups };
  }

  const plans = pictures.map(() => null);
  const plan = () => (plans[state.picture] ??= stepsOf(pictures[state.picture]));
  const count = () => (updates() ? plan().steps.length : plan().backward);
  const current = () => plan().steps[state.step];

  /** The shares that have arrived at a node up to a step, in the order of their arrival. */
  function arrived(node, step = state.step) {
    const { arrival } = plan();
    return outof[node]
      .filter((edge) => arrival[edge] <= step && taken(edge))
      .sort((one, other) => arrival[one] - arrival[other]);
  }

  /** The gradient as far as it is summed: null before anything arrived. */
  function summed(node, step = state.step) {
    if (node === output) return step >= plan().seed ? 1 : null;
    const shares = arrived(node, step);
    if (!shares.length) return null;
    if (shares.length === outof[node].filter(taken).length) return grad(node);
    return shares.reduce((sum, edge) => sum + at(edges[edge].share), 0);
  }

  /* --- a step in words and in mathematics --------------------------------------------------------- */

  function told(step) {
    const scope = step.box === undefined ? "" : pictures[state.picture].boxes[step.box].scope;
    const group = step.box === undefined ? [] : plan().groups[step.box];
    const called = scope || (step.box === undefined ? "" : `the ${nodes[step.node].op || "leaves"} ×${pictures[state.picture].boxes[step.box].nodes.length}`);
    switch (step.kind) {
      case "given": {
        const inputs = nodes.filter((node) => node.kind === "input");
        const weights = nodes.filter((node) => node.kind === "parameter");
        const given = [inputs.length && counted(inputs.length, "input"), weights.length && counted(weights.length, "parameter")];
        const labels = [...weights, ...inputs].slice(0, 4);
        return {
          words: `Given are the numbers of the leaves: ${given.filter(Boolean).join(" and ") || "constants only"}.`,
          formula: line(labels.map((node) => `${node.name} = ${written(at(node.data))}`).join(", ") + (weights.length + inputs.length > 4 ? ", …" : "")),
        };
      }
      case "node": {
        const { formula, filled: template } = nodes[step.node];
        const operands = [...new Set(into[step.node].map((edge) => name(edges[edge].tail)))];
        const from = operands.length ? ` from ${listed(operands)}` : "";
        const words = step.phase === 2
          ? `${name(step.node)} is the ${trains ? "loss, the number to make small" : "output, the number to differentiate"}: computed${from}.`
          : `${name(step.node)} is computed${from}: ${operation(step.node)}.`;
        return { words, formula: line(`${name(step.node)}${equal(formula, template)} = ${written(data(step.node))}`) };
      }
      case "group": {
        const ops = pictures[state.picture].boxes[step.box].nodes.filter((node) => nodes[node].op).length;
        return {
          words: `${called} computes: ${counted(ops, "operation")} give ${counted(group.length, "number")} that others read. Open it to see each.`,
          formula: line(group.slice(0, 4).map((node) => `${name(node)} = ${written(data(node))}`).join(", ") + (group.length > 4 ? ", …" : "")),
        };
      }
      case "seed":
        return {
          words: `The way back begins at ${name(output)}: its derivative by itself is 1.`,
          formula: line(slope(output, output), " = 1"),
        };
      case "edge":
        return toldEdge(step.edge);
      case "back": {
        const inner = pictures[state.picture].boxes[step.box].nodes.filter((node) => "after" in nodes[node]);
        const size = Math.hypot(...inner.map((node) => grad(node)));
        const tails = [...new Set(pictures[state.picture].boxes[step.box].nodes.flatMap((node) => into[node].map((edge) => edges[edge].tail)))]
          .filter((tail) => plan().home[tail] !== step.box);
        return {
          words: `${called} carries the gradient of its results back${inner.length ? ` to its ${counted(inner.length, "parameter")}` : ""}${tails.length ? `${inner.length ? " and" : ""} to ${listed(tails.map(name), 4)}` : ""}.`,
          formula: inner.length
            ? line(`the gradient of its ${counted(inner.length, "parameter")} has the length ${written(size)}`)
            : line(...group.slice(0, 3).flatMap((node, place) => [place ? ", " : "", gradient(node), ` = ${written(grad(node))}`])),
        };
      }
      case "update":
        return toldUpdate(step.node);
      case "updates": {
        const [first] = step.moved;
        const lead = toldUpdate(first);
        return {
          words: `All ${counted(step.moved.length, "parameter")} of ${called} move${run().lr === null ? "" : " against their gradients"} at once; the first of them:`,
          formula: lead.formula,
        };
      }
    }
    return { words: "", formula: [] };
  }

  function operation(node) {
    const { op, symbol } = nodes[node];
    return symbol && symbol !== op ? `${op} (${symbol})` : op;
  }

  function toldEdge(edge) {
    const { tail, head, formula } = edges[edge];
    if (!taken(edge)) {
      return {
        words: `${name(head)} did not read ${name(tail)}: nothing flows back along this edge.`,
        formula: line(slope(head, tail), " plays no part"),
      };
    }
    const shares = outof[tail].filter(taken).length;
    const before = arrived(tail, state.step - 1);
    const sum = before.reduce((total, each) => total + at(edges[each].share), 0);
    const share = at(edges[edge].share);
    const count = before.length + 1;
    const place = shares === 1 ? "" : before.length === 0
      ? ` It is the first of ${shares} shares, which add up.`
      : ` It is added to what has arrived: share ${count} of ${shares}${count === shares ? ", and the sum is complete" : ""}.`;
    const words = `${name(head)} hands its gradient back to ${name(tail)}, times the local derivative${formula ? ` ${formula}` : ""}.${place}`;
    const local = !formula ? inside(at(edges[edge].slope)) : formula.includes(" ") ? `(${formula})` : formula;
    const sofar = before.length ? `${written(sum)} + ` : "";
    const total = count === shares ? grad(tail) : sum + share;
    const product = `${written(grad(head))} · ${inside(at(edges[edge].slope))}`;
    return {
      words,
      formula: line(gradient(tail), ` = ${sofar}`, gradient(head), ` · ${local} = ${sofar}${product} = ${written(total)}`),
    };
  }

  function toldUpdate(node) {
    const { after, gradient: given } = nodes[node];
    const next = at(after);
    const { lr, own, update } = run();
    if (lr === null) {
      return {
        words: `${name(node)} is updated${update ? ` (${update})` : ""}.`,
        formula: line(`${name(node)} ← ${written(next)}, before ${written(data(node))}`),
      };
    }
    const size = own ? grad(node) : at(given);
    const what = own ? [gradient(node)] : ["mean of ", gradient(node)];
    return {
      words: `${name(node)} takes a step against its gradient${own ? "" : ", averaged over all examples"}: it ${size > 0 ? "falls" : size < 0 ? "rises" : "stays"}.`,
      formula: line(`${name(node)} ← ${name(node)} − η · `, ...what, ` = ${written(data(node))} − ${written(lr)} · ${inside(size)} = ${written(next)}`),
    };
  }

  /* --- drawing ------------------------------------------------------------------------------------ */

  const canvas = document.querySelector("#graph .canvas");
  const plane = document.querySelector("#network .canvas");
  let drawn = { boxes: [], arrows: [], arrowOf: new Map() };

  /** Where |value| lies between four powers of ten below the largest and the largest (see style.py). */
  function strength(value, largest) {
    const size = Math.abs(value);
    if (size >= largest || size === Infinity) return 1;
    if (size === 0 || largest === Infinity) return 0;
    return Math.max(0, 1 - (Math.log10(largest) - Math.log10(size)) / 4);
  }

  const SIGNS = ["positive", "negative", "zero", "invalid"];
  const sign = (value) => (Number.isNaN(value) ? "invalid" : value > 0 ? "positive" : value < 0 ? "negative" : "zero");

  function colour(shape, value, share) {
    const kind = value === null ? "" : sign(value);
    for (const each of SIGNS) shape.classList.toggle(each, each === kind);
    if (kind) shape.style.setProperty("--share", `${Math.round(100 * share)}%`);
  }

  /** Put the SVG of the current picture on the page and find its parts. */
  function show() {
    const picture = pictures[state.picture];
    canvas.innerHTML = picture.svg;
    const svg = canvas.firstElementChild;
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", "Nodes of the graph");
    const boxes = picture.boxes.map(() => null);
    const arrows = [...svg.querySelectorAll("[data-arrow]")];
    for (const group of svg.querySelectorAll("[data-box]")) {
      const place = Number(group.dataset.box);
      const constant = nodes[picture.boxes[place].nodes[0]].kind === "constant";
      boxes[place] = {
        group, constant,
        data: group.querySelector("[data-number=data]"),
        grad: group.querySelector("[data-number=grad]"),
        norm: group.querySelector("[data-number=norm]"),
      };
      if (constant) {
        group.setAttribute("aria-hidden", "true");
        continue;
      }
      group.setAttribute("role", "button");
      group.setAttribute("tabindex", "0");
      const { scope, nodes: members } = picture.boxes[place];
      const openable = scope || members.length > 1;
      if (scope) group.setAttribute("aria-expanded", "false");
      group.addEventListener("click", () => (openable ? scope && open(scope) : select(members[0])));
      group.addEventListener("mouseenter", () => look(place));
      group.addEventListener("mouseleave", () => look(null));
      group.addEventListener("focus", () => look(place));
      group.addEventListener("blur", () => look(null));
    }
    for (const frame of svg.querySelectorAll(".cluster[data-scope]")) {
      frame.setAttribute("role", "button");
      frame.setAttribute("tabindex", "0");
      frame.setAttribute("aria-expanded", "true");
      frame.setAttribute("aria-label", `${frame.dataset.scope}, open: close it`);
      frame.addEventListener("click", () => close(frame.dataset.scope));
    }
    const arrowOf = new Map(); // of an edge the arrow that shows it
    const places = new Map();
    arrows.forEach((arrow) => {
      arrow.setAttribute("aria-hidden", "true");
      const key = arrow.dataset.arrow;
      places.set(key, [...(places.get(key) ?? []), arrow]);
    });
    const seen = new Map();
    const { home } = plan();
    edges.forEach((edge, place) => {
      const key = `${home[edge.tail]}>${home[edge.head]}`;
      const all = places.get(key);
      if (!all) return;
      const turn = seen.get(key) ?? 0;
      seen.set(key, turn + 1);
      arrowOf.set(place, all[Math.min(turn, all.length - 1)]);
    });
    drawn = { boxes, arrows, arrowOf, svg };
    scale();
  }

  /** Both drawings as wide as their places, within what can be read. */
  function scale() {
    fit(canvas, 0.72, 1.2 ** state.zoom);
    fit(plane, 0.6, 1);
  }
  function fit(place, least, zoom) {
    const svg = place.firstElementChild;
    if (!svg) return;
    const natural = Number(svg.dataset.width);
    const factor = Math.min(1.15, Math.max(least, (place.clientWidth - 4) / natural));
    svg.style.width = `${Math.round(natural * factor * zoom)}px`;
  }

  const BLANK = "–";
  const short = (number) => written(number, 4, 1e-3); // as wide as there is room for in a box
  const put = (text, content) => {
    if (text && text.textContent !== content) text.textContent = content;
  };
  const span = (values) => {
    const ends = [Math.min(...values), Math.max(...values)].map(short);
    return ends[0] === ends[1] ? ends[0] : `${ends[0]} … ${ends[1]}`;
  };

  /** Bring everything that is drawn up to the current step. */
  function draw() {
    const { known, home } = plan();
    const step = current();
    const active = new Set(step.boxes);
    const path = state.selected === null ? null : reached(state.selected);
    const largest = Math.max(0, ...range(nodes.length - 1).filter((node) => nodes[node].kind !== "constant").map((node) => Math.abs(grad(node))).filter(Number.isFinite)) || 1;
    drawn.boxes.forEach((box, place) => {
      const members = pictures[state.picture].boxes[place].nodes;
      const { group, constant } = box;
      const on = path === null || members.some((node) => path.has(node));
      group.classList.toggle("faded", !on);
      if (constant) return;
      const ready = members.filter((node) => known[node] <= state.step);
      const sums = members.map((node) => summed(node)).filter((sum) => sum !== null);
      group.classList.toggle("current", active.has(place));
      group.classList.toggle("waiting", !ready.length || (members.length > 1 && ready.length < members.length));
      group.classList.toggle("selected", members.includes(state.selected));
      group.classList.toggle("path", path !== null && on);
      if (members.length === 1) {
        const [node] = members;
        const sum = summed(node);
        const partial = sum !== null && node !== output && arrived(node).length < outof[node].filter(taken).length;
        put(box.data, ready.length ? short(data(node)) : BLANK);
        put(box.grad, sum === null ? BLANK : short(sum));
        group.classList.toggle("partial", partial);
        colour(group, sum, sum === null ? 0 : strength(sum, largest));
        const kind = nodes[node].op ? operation(node) : nodes[node].kind;
        group.setAttribute("aria-label", `${name(node)}, ${kind}, data ${ready.length ? written(data(node)) : "not computed yet"}, gradient ${sum === null ? "none yet" : written(sum) + (partial ? " so far" : "")}`);
        group.setAttribute("aria-pressed", String(state.selected === node));
        return;
      }
      const { scope } = pictures[state.picture].boxes[place];
      put(box.data, ready.length === members.length ? span(members.map((node) => data(node))) : BLANK);
      put(box.grad, sums.length ? span(sums) : BLANK);
      const inner = members.filter((node) => nodes[node].kind === "parameter").map((node) => summed(node));
      put(box.norm, inner.length && inner.every((sum) => sum !== null) ? short(Math.hypot(...inner)) : BLANK);
      group.classList.toggle("grown", sums.length > 0);
      const summary = `${counted(inner.length, "parameter")} and ${counted(members.filter((node) => nodes[node].op).length, "operation")}`;
      group.setAttribute("aria-label", scope ? `${scope}, closed: ${summary}. Open it` : `${counted(members.length, "node")} alike, ${nodes[members[0]].op || nodes[members[0]].name}`);
    });
    const moving = new Set(step.kind === "edge" ? [step.edge] : step.kind === "node" ? into[step.node] : []);
    for (const arrow of drawn.arrows) arrow.classList.remove("current", "path", "back", "untaken");
    for (const arrow of drawn.arrows) arrow.classList.toggle("faded", path !== null);
    for (const [edge, arrow] of drawn.arrowOf) {
      if (moving.has(edge)) arrow.classList.add("current");
      if (moving.has(edge) && step.kind === "edge") arrow.classList.add("back");
      if (!taken(edge)) arrow.classList.add("untaken");
      if (path?.has(edges[edge].tail) && taken(edge)) {
        arrow.classList.add("path");
        arrow.classList.remove("faded");
      }
    }
    drawNetwork(path, step, home);
    follow(step);
  }

  /** Scroll the drawing, and only the drawing, so that the current boxes are seen. */
  function follow(step) {
    const box = drawn.boxes[step.boxes[0]];
    if (!box || (step.phase === 0)) return;
    const frame = canvas.getBoundingClientRect();
    const seen = box.group.getBoundingClientRect();
    if (seen.left < frame.left + 8) canvas.scrollLeft -= frame.left + 40 - seen.left;
    if (seen.right > frame.right - 8) canvas.scrollLeft += seen.right - frame.right + 40;
    if (seen.top < frame.top + 8) canvas.scrollTop -= frame.top + 40 - seen.top;
    if (seen.bottom > frame.bottom - 8) canvas.scrollTop += seen.bottom - frame.bottom + 40;
  }

  /* --- the network -------------------------------------------------------------------------------- */

  let parts = [];

  function showNetwork() {
    if (!story.network) return;
    find("network").hidden = false;
    plane.innerHTML = story.network;
    const svg = plane.firstElementChild;
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", "Neurons and weights");
    parts = [...svg.querySelectorAll("[data-part]")].map((group) => {
      const node = Number(group.dataset.node);
      group.addEventListener("click", () => select(node));
      group.addEventListener("mouseenter", () => look(null, node));
      group.addEventListener("mouseleave", () => look(null));
      if (group.dataset.part === "neuron") {
        group.setAttribute("role", "button");
        group.setAttribute("tabindex", "0");
        group.addEventListener("focus", () => look(null, node));
        group.addEventListener("blur", () => look(null));
      } else group.setAttribute("aria-hidden", "true");
      return { group, node, part: group.dataset.part, text: group.querySelector("[data-prefix]") };
    });
    for (const group of svg.querySelectorAll("g.node:not([data-part]), g.edge:not([data-part])")) group.setAttribute("aria-hidden", "true");
  }

  function drawNetwork(path, step) {
    if (!parts.length) return;
    const shown = document.querySelector("input[name=shown]:checked").value;
    const value = (node) => (shown === "data" ? data(node) : grad(node));
    const largest = (kind) => Math.max(0, ...parts.filter(({ part }) => kind.includes(part)).map(({ node }) => Math.abs(value(node))).filter(Number.isFinite)) || 1;
    const most = { edge: largest(["edge"]), neuron: largest(["neuron"]) };
    const active = new Set(step.kind === "edge" ? [step.node, edges[step.edge].head] : step.kind === "node" || step.kind === "update" ? [step.node] : step.box === undefined ? [] : pictures[state.picture].boxes[step.box].nodes);
    for (const { group, node, part, text } of parts) {
      const number = value(node);
      const on = path === null || path.has(node);
      group.classList.toggle("faded", !on);
      group.classList.toggle("path", path !== null && on);
      group.classList.toggle("selected", node === state.selected);
      group.classList.toggle("current", active.has(node));
      if (part === "number") {
        const prefix = text?.dataset.prefix ?? "";
        put(text, `${prefix && shown === "grad" ? "∂" : ""}${prefix}${written(number, 3)}`);
        continue;
      }
      colour(group, number, part === "edge" ? Math.min(1, Math.abs(number) / most.edge) : strength(number, most.neuron));
      if (part === "edge") group.style.setProperty("--width", (0.8 + 2.7 * Math.min(1, Math.abs(number) / most.edge || 0)).toFixed(2));
      else {
        group.setAttribute("aria-label", `${name(node)}, data ${written(data(node))}, gradient ${written(grad(node))}`);
        group.setAttribute("aria-pressed", String(node === state.selected));
      }
    }
  }

  /* --- looking at a node -------------------------------------------------------------------------- */

  function look(box, node = null) {
    const members = box === null ? null : pictures[state.picture].boxes[box].nodes;
    state.hovered = members ? (members.length === 1 ? members[0] : null) : node;
    details();
  }

  function select(node) {
    state.selected = node === state.selected ? null : node;
    state.hovered = null;
    draw();
    details();
  }

  function details() {
    const panel = find("details");
    const node = state.hovered ?? state.selected;
    if (node === null) {
      panel.replaceChildren(element("p", { class: "hint" }, "Point at a node for its numbers. Click it, or press Enter on it: its paths to the output light up, and its derivation stands here."));
      return;
    }
    const { op, kind, formula, filled: template } = nodes[node];
    const rows = [
      ["kind", op ? `result of ${operation(node)}` : kind],
      ["data", exact(data(node))],
      ["gradient", exact(grad(node))],
    ];
    const list = element("dl", {});
    for (const [key, text] of rows) list.append(element("dt", {}, key), element("dd", {}, text));
    const made = [element("h3", {}, typeset(name(node))), list];
    if (op) made.push(mathematics([line(`${name(node)}${equal(formula, template)} = ${written(data(node))}`)]));
    if (into[node].length) {
      made.push(element("h4", {}, "Local derivatives"));
      made.push(mathematics(into[node].slice(0, 24).map(factor)));
      if (into[node].length > 24) made.push(element("p", { class: "hint" }, `and ${into[node].length - 24} more`));
    }
    if (state.hovered === null) made.push(...derivation(node));
    panel.replaceChildren(...made);
  }

  const mathematics = (lines) => element("ul", { class: "math" }, ...lines.map((parts) => element("li", {}, ...parts)));

  /** ∂head/∂tail with its formula and number. */
  function factor(edge) {
    const { tail, head, formula, filled: template } = edges[edge];
    if (!taken(edge)) return line(slope(head, tail), " plays no part: this branch was not taken");
    const value = written(at(edges[edge].slope));
    const middle = formula && formula.replaceAll("−", "-") !== value.replaceAll("−", "-") ? equal(formula, template) : "";
    return line(slope(head, tail), `${middle} = ${value}`);
  }

  /** How the gradient of a node comes about, factor by factor, with the numbers of this epoch. */
  function derivation(node) {
    const on = reached(node);
    const steps = [...on].sort((one, other) => other - one); // the output first
    const read = (each) => outof[each].filter(taken);
    const ways = new Map([[output, 1]]);
    for (const each of steps) if (each !== output) ways.set(each, read(each).reduce((sum, edge) => sum + ways.get(edges[edge].head), 0));
    const paths = ways.get(node) ?? 0;
    const made = [element("h3", {}, "Its gradient, factor by factor")];
    if (node === output) return [...made, mathematics([line(slope(output, output), " = 1")])];
    if (!paths) return [...made, element("p", {}, `No path leads from ${name(node)} to ${name(output)}: its gradient is 0.`)];
    made.push(element("p", {}, `${paths.toLocaleString("en")} ${paths === 1 ? "path leads" : "paths lead"} from ${name(node)} to ${name(output)}.`));
    const factors = steps.flatMap((each) => read(each).filter((edge) => on.has(edges[edge].head)));
    const few = factors.length <= 60;
    const facts = few ? [element("h4", {}, "Factors"), mathematics(factors.map(factor))] : [];
    if (paths <= 4 && steps.length <= 24) {
      const sides = [];
      const walk = (each, before) => {
        if (each === output) sides.push(before);
        else for (const edge of read(each)) walk(edges[edge].head, [edge, ...before]);
      };
      walk(node, []);
      const sum = (written) => sides.flatMap((side, place) => [place ? " + " : " = ", ...side.flatMap(written)]);
      const symbols = sum((edge, place) => [place ? " · " : "", slope(edges[edge].head, edges[edge].tail)]);
      const values = sum((edge, place) => [`${place ? " · " : ""}${inside(at(edges[edge].slope))}`]);
      made.push(element("h4", {}, "Chain rule"), mathematics([line(gradient(node), ...symbols)]), ...facts);
      made.push(element("h4", {}, "Multiplied"), mathematics([line(gradient(node), ...values, ` = ${written(grad(node))}`)]));
    } else {
      const sums = (few ? steps.filter((each) => each !== output) : [node]).map((each) => {
        const shares = read(each).slice(0, 16);
        const more = read(each).length > shares.length ? " + …" : "";
        const terms = shares.flatMap((edge, place) => [place ? " + " : " = ", gradient(edges[edge].head), " · ", slope(edges[edge].head, each)]);
        const values = shares.map((edge, place) => `${place ? " + " : " = "}${inside(grad(edges[edge].head))} · ${inside(at(edges[edge].slope))}`);
        return line(gradient(each), ...terms, more, `${values.join("")}${more} = ${written(grad(each))}`);
      });
      made.push(...facts, element("h4", {}, "Back from the output"), mathematics(sums));
    }
    const { closed, closedFilled } = nodes[node];
    if (closed) made.push(element("h4", {}, "Closed form"), mathematics([line(gradient(node), ` = ${closed} = ${filled(closedFilled)} = ${written(grad(node))}`)]));
    return made;
  }

  /* --- scopes open and close ---------------------------------------------------------------------- */

  const keyed = new Map(pictures.map((picture, place) => [[...picture.opened].sort().join("\n"), place]));
  const pictureOf = (scopes) => keyed.get([...scopes].sort().join("\n"));
  const around = (scope) => scope.split(".").map((_, place, all) => all.slice(0, place + 1).join("."));

  function open(scope) {
    turn(pictureOf([...pictures[state.picture].opened, scope]) ?? pictureOf(around(scope)), scope);
  }

  function close(scope) {
    const others = pictures[state.picture].opened.filter((each) => each !== scope && !each.startsWith(`${scope}.`));
    turn(pictureOf(others) ?? pictureOf(around(scope).slice(0, -1)), scope);
  }

  /** Go over to another picture, to the step that does the same, and keep the focus near. */
  function turn(place, scope = "") {
    if (place === undefined || place === state.picture) return;
    const focused = canvas.contains(document.activeElement);
    const step = current();
    state.picture = place;
    state.hovered = null;
    show();
    const { steps } = plan();
    const same = steps.findIndex((each) => each.phase === step.phase && (step.edge === undefined ? each.node === step.node : each.edge === step.edge));
    const near = steps.findIndex((each) => each.phase === step.phase && (each.boxes ?? []).includes(plan().home[step.node]));
    const phase = steps.findIndex((each) => each.phase === step.phase);
    state.step = Math.min([same, near, phase].find((found) => found >= 0) ?? 0, count() - 1);
    update();
    if (focused) {
      const next = [...canvas.querySelectorAll(".cluster[data-scope]")].find((frame) => frame.dataset.scope === scope)
        ?? drawn.boxes.find((_, box) => pictures[place].boxes[box].scope === scope)?.group;
      next?.focus();
    }
  }

  /* --- training ----------------------------------------------------------------------------------- */

  const DASHES = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2", "1 4", "14 3 3 3"];

  function showTraining() {
    const long = runs.some((each) => each.losses.length > 1);
    if (!long) return;
    find("train").hidden = false;
    if (runs.length === 1) return;
    const body = element("tbody");
    runs.forEach((each, place) => {
      const radio = element("input", { type: "radio", name: "run", value: String(place) });
      radio.addEventListener("change", () => switchRun(place));
      const sample = `<svg class="sample" width="34" height="10" aria-hidden="true"><line x1="1" y1="5" x2="33" y2="5" stroke-dasharray="${DASHES[place % DASHES.length]}"/></svg>`;
      const label = element("label", {}, radio, ` ${each.label}`);
      label.insertAdjacentHTML("beforeend", sample);
      body.append(element("tr", {}, element("th", { scope: "row" }, label), element("td", {}), element("td", {}, written(each.losses.at(-1) ?? NaN, 4))));
    });
    const head = element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Training"), element("th", { scope: "col" }, "loss now"), element("th", { scope: "col" }, "in the end")));
    find("rates").append(element("table", {}, element("caption", { class: "off" }, "Trainings to switch between"), head, body));
  }

  function switchRun(place) {
    const wanted = epoch();
    state.run = place;
    const { epochs, start } = run();
    state.frame = start + Math.max(0, epochs.findLastIndex((each) => each <= wanted));
    state.step = Math.min(state.step, count() - 1);
    update();
  }

  function switchFrame(place, step = state.step) {
    const { start, stop } = run();
    state.frame = Math.min(stop - 1, Math.max(start, start + place));
    state.step = Math.min(step, count() - 1);
    update();
  }

  function drawTraining() {
    if (find("train").hidden) return;
    const { epochs, losses, start, stop } = run();
    const slider = find("epoch");
    slider.max = String(stop - start - 1);
    slider.value = String(frameInRun());
    slider.setAttribute("aria-valuetext", `epoch ${epoch()} of ${epochs.at(-1)}`);
    find("epoch-label").textContent = `Epoch ${epoch()} of ${epochs.at(-1)}`;
    find("chart").innerHTML = chart();
    find("chart").firstElementChild.setAttribute("aria-label", `Loss curve, ${run().label}: ${written(losses[0] ?? NaN, 4)} before training, ${written(losses[epoch()] ?? NaN, 4)} at epoch ${epoch()}, ${written(losses.at(-1) ?? NaN, 4)} in the end`);
    document.querySelectorAll("#rates tbody tr").forEach((row, place) => {
      const loss = runs[place].losses[epoch()];
      row.querySelector("td").textContent = loss === undefined ? "ended" : written(loss ?? NaN, 4);
      row.querySelector("input").checked = place === state.run;
      row.classList.toggle("current", place === state.run);
    });
  }

  /** The loss curves: the one that is shown stands out, each has its own dashes. */
  function chart() {
    const [width, height, left, bottom, top, right] = [380, 210, 56, 30, 10, 12];
    const finite = runs.flatMap((each) => each.losses).filter((loss) => loss !== null);
    let [low, high] = [Math.min(...finite), Math.max(...finite)];
    const logarithmic = low > 0 && high / low > 30;
    // What diverges leaves the picture, so that the others are seen.
    high = Math.min(high, 1e3 * Math.max(...runs.map((each) => each.losses[0] ?? 0)) || high);
    if (!logarithmic) low = Math.min(0, low);
    if (high === low) high = low + 1;
    const up = logarithmic ? Math.log10 : (number) => number;
    const last = Math.max(1, ...runs.map((each) => each.losses.length - 1));
    const x = (place) => left + ((width - left - right) * place) / last;
    const y = (loss) => height - bottom - ((height - bottom - top) * (up(loss) - up(low))) / (up(high) - up(low));
    const ticks = logarithmic
      ? range(Math.floor(up(high)) - Math.ceil(up(low)) + 1).map((place) => 10 ** (Math.ceil(up(low)) + place))
      : [low, (low + high) / 2, high];
    const shown = ticks.length > 6 ? ticks.filter((_, place) => place % Math.ceil(ticks.length / 5) === 0) : ticks.length > 1 ? ticks : [low, high];
    const grid = shown.map((tick) => `<line class="grid" x1="${left}" x2="${width - right}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${left - 6}" y="${y(tick) + 4}" text-anchor="end">${written(tick, 2)}</text>`);
    const feet = [0, Math.round(last / 2), last].map((place) => `<text x="${x(place)}" y="${height - 10}" text-anchor="middle">${place}</text>`);
    const curves = runs.map((each, place) => {
      const every = Math.max(1, Math.floor(each.losses.length / 400));
      const points = each.losses.map((loss, position) => [position, loss]).filter(([position, loss]) => loss !== null && (position % every === 0 || position === each.losses.length - 1));
      const line = points.map(([position, loss]) => `${x(position).toFixed(1)},${y(loss).toFixed(1)}`).join(" ");
      return { place, text: `<polyline class="${place === state.run ? "curve current" : "curve"}" stroke-dasharray="${DASHES[place % DASHES.length]}" points="${line}"/>` };
    });
    curves.sort((one, other) => (one.place === state.run) - (other.place === state.run));
    const now = run().losses[epoch()];
    const marker = now === null || now === undefined ? "" : `<circle class="marker" cx="${x(epoch())}" cy="${y(now)}" r="5"/>`;
    return `<svg viewBox="0 0 ${width} ${height}" role="img">${grid.join("")}${feet.join("")}<text class="axis" x="${left}" y="${height - 10}" dx="26">epoch</text><svg x="${left}" y="0" width="${width - left}" height="${height - bottom + 2}" viewBox="${left} 0 ${width - left} ${height - bottom + 2}">${curves.map(({ text }) => text).join("")}</svg>${marker}</svg>`;
  }

  /* --- the controls ------------------------------------------------------------------------------- */

  function update() {
    const step = current();
    const { words, formula } = told(step);
    const total = count();
    put(find("sentence"), words);
    find("formula").replaceChildren(...formula);
    const slider = find("position");
    slider.max = String(total - 1);
    slider.value = String(state.step);
    slider.setAttribute("aria-valuetext", `step ${state.step + 1} of ${total}, ${PHASES[step.phase]}`);
    find("position-label").textContent = `Step ${state.step + 1} of ${total}`;
    const atStart = state.step === 0 && frameInRun() === 0;
    const atEnd = state.step === total - 1 && state.frame === run().stop - 1;
    for (const id of ["first", "previous"]) find(id).setAttribute("aria-disabled", String(atStart));
    for (const id of ["next", "last"]) find(id).setAttribute("aria-disabled", String(atEnd));
    document.querySelectorAll("#phases button").forEach((button) => {
      const place = Number(button.dataset.phase);
      if (place === step.phase) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
      button.disabled = place === 4 && !updates();
    });
    find("close-all").disabled = pictures[state.picture].opened.length === 0;
    find("open-all").disabled = state.picture === widest;
    draw();
    drawTraining();
    details();
  }

  function go(step) {
    if (step < 0) {
      if (frameInRun() === 0) return;
      state.frame -= 1;
      state.step = count() - 1;
    } else if (step >= count()) {
      if (state.frame === run().stop - 1) return stop();
      state.frame += 1;
      state.step = 0;
    } else state.step = step;
    update();
  }

  let timer = null;
  function stop() {
    clearInterval(timer);
    timer = null;
    find("play").setAttribute("aria-pressed", "false");
    find("play").textContent = "▶︎ Play";
    find("sentence").setAttribute("aria-live", "polite");
  }
  function play() {
    if (timer !== null) return stop();
    timer = setInterval(() => go(state.step + 1), Number(find("speed").value));
    find("play").setAttribute("aria-pressed", "true");
    find("play").textContent = "⏸︎ Pause";
    find("sentence").setAttribute("aria-live", "off"); // it would be read out faster than one can listen
  }

  find("first").addEventListener("click", () => go(0));
  find("previous").addEventListener("click", () => go(state.step - 1));
  find("next").addEventListener("click", () => go(state.step + 1));
  find("last").addEventListener("click", () => go(count() - 1));
  find("play").addEventListener("click", play);
  find("speed").addEventListener("change", () => timer !== null && (stop(), play()));
  find("position").addEventListener("input", ({ target }) => go(Number(target.value)));
  find("epoch").addEventListener("input", ({ target }) => switchFrame(Number(target.value)));
  find("smaller").addEventListener("click", () => ((state.zoom -= 1), scale()));
  find("larger").addEventListener("click", () => ((state.zoom += 1), scale()));
  find("close-all").addEventListener("click", () => turn(pictureOf([])));
  document.querySelectorAll("input[name=shown]").forEach((radio) => radio.addEventListener("change", draw));

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape" && state.selected !== null) return select(state.selected);
    if (target.closest("input, select")) return;
    if ((event.key === "Enter" || event.key === " ") && target.closest("svg [role=button]")) {
      event.preventDefault();
      target.closest("[role=button]").dispatchEvent(new MouseEvent("click"));
      return;
    }
    const keys = { ArrowRight: () => go(state.step + 1), ArrowLeft: () => go(state.step - 1), Home: () => go(0), End: () => go(count() - 1) };
    if (event.key === " " && !target.closest("button, summary")) keys[" "] = play;
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  const scopes = new Set(nodes.flatMap((node) => (node.scope ? around(node.scope) : [])));
  const widest = pictureOf(scopes) ?? -1;
  find("open-all").addEventListener("click", () => turn(widest));
  find("open-all").hidden = !scopes.size || widest < 0;
  find("close-all").hidden = !scopes.size;
  PHASES.slice(0, trains ? 5 : 4).forEach((phase, place) => {
    const button = element("button", { type: "button", "data-phase": String(place) }, phase);
    button.addEventListener("click", () => go(plan().steps.findIndex((step) => step.phase === place)));
    find("phases").append(element("li", {}, button));
  });
  window.addEventListener("resize", scale);

  showTraining();
  showNetwork();
  show();
  update();
  document.body.dataset.ready = "true";
})();
