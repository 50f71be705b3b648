"use strict";

/* The page knows no mathematics: it fills numbers of the engine into drawings and sentences, and adds up
   the shares of a gradient as they arrive. `payload` is what there is to say, `numbers` the columns. */

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
  const payload = JSON.parse(new TextDecoder().decode(await unpacked("payload")));
  const numbers = new Float64Array(await unpacked("numbers"));
  const { nodes, edges, runs, pictures } = payload;
  const output = nodes.length - 1;

  /* --- numbers ------------------------------------------------------------------------------------ */

  const offsets = [];
  payload.lengths.reduce((offset, length) => (offsets.push(offset), offset + length), 0);
  const at = (column, frame = state.frame) =>
    numbers[offsets[column] + (payload.lengths[column] > 1 ? frame : 0)];
  const data = (node, frame) => at(nodes[node].data, frame);
  const grad = (node, frame) => at(nodes[node].grad, frame);
  const taken = (edge) => at(edges[edge].taken) !== 0;

  /** A task that is done again only when something that it depends on has changed. */
  function onChange(dependencies, task) {
    let before = null;
    return () => {
      const now = dependencies();
      if (before?.every((each, place) => each === now[place])) return;
      before = now;
      task();
    };
  }

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
  const filled = (pieces) =>
    pieces
      .map((piece) => (typeof piece === "number" ? inside(data(piece)) : piece))
      .join("")
      .replace(/\((\([^()]*\))\)/g, "$1"); // √((−1))

  /* --- writing ------------------------------------------------------------------------------------ */

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** Text as mathematics: indices below, powers above. Copied, it is the plain text again. */
  function typeset(text) {
    const line = document.createDocumentFragment();
    const hidden = (sign) => element("span", { class: "off" }, sign);
    let end = 0;
    for (const match of text.matchAll(/(?<![\w.])(\p{L}+)(?:(_)(\w+)|(\d+))(?![\w.])|\^(−?[\w.]+)/gu)) {
      const [whole, base, underscore, index, number, power] = match;
      line.append(text.slice(end, match.index), base ?? hidden("^"));
      if (underscore) line.append(hidden("_"));
      line.append(power ? element("sup", {}, power) : element("sub", {}, index ?? number));
      end = match.index + whole.length;
    }
    line.append(text.slice(end));
    return line;
  }

  /** ∂top/∂bottom as a fraction. */
  const partial = (top, bottom) =>
    element(
      "span", { class: "fraction" },
      element("span", {}, "∂", typeset(nodes[top].name)),
      element("span", { class: "off" }, "/"),
      element("span", {}, "∂", typeset(nodes[bottom].name)),
    );
  const gradient = (node) => partial(output, node);

  /** A line of mathematics from texts, which are set, and elements. */
  const line = (...parts) => parts.map((part) => (typeof part === "string" ? typeset(part) : part));

  /** A line that is read out as the plain text that it is, not fraction by fraction and index by index. */
  function spoken(parts) {
    const made = element("span", { role: "img" }, ...parts);
    made.setAttribute("aria-label", made.textContent);
    return made;
  }

  const name = (node) => nodes[node].name;
  const listed = (names, most = 6) =>
    names.length <= most
      ? names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join("")
      : `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`;
  const counted = (count, thing) => `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;

  /** Texts that are equal to each other, each said once. */
  const equation = (...texts) =>
    texts.filter(Boolean).filter((text, place, all) => text !== all[place - 1]).join(" = ");
  const computed = (node) =>
    equation(name(node), nodes[node].formula, filled(nodes[node].filled), written(data(node)));

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
    picture: 0, run: 0, frame: runs[0].start, step: 0, selected: null, zoom: 0,
    looked: null, focused: null, // the nodes of what the pointer, or else the focus, is on
  };

  const run = () => runs[state.run];
  const frameInRun = () => state.frame - run().start;
  const epoch = () => run().epochs[frameInRun()];
  const frames = () => run().stop - run().start;
  const updates = () => trains && (frames() === 1 || frameInRun() < frames() - 1); // a training ends without one

  /** Along which edges the gradient flows in this frame: not along those of a branch that was not taken. */
  const flowing = new Set();
  const findFlow = onChange(() => [state.frame], () => {
    flowing.clear();
    const reached = new Set([output]);
    for (let edge = edges.length - 1; edge >= 0; edge -= 1) { // heads come in topological order
      if (!taken(edge) || !reached.has(edges[edge].head)) continue;
      flowing.add(edge);
      reached.add(edges[edge].tail);
    }
  });
  const flows = (edge) => (findFlow(), flowing.has(edge));
  const readers = (node) => outof[node].filter(flows); // the edges along which its gradient comes back

  /** What depends on a node, itself included: where its paths to the output lead. */
  function reached(node) {
    const found = new Set([node]);
    edges.forEach((edge, place) => {
      if (found.has(edge.tail) && flows(place)) found.add(edge.head);
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
      const movers = moved(boxes[box].nodes);
      if (!movers.length) continue;
      steps.push({ phase: 4, kind: single(box) ? "update" : "updates", box, node: movers[0], moved: movers, boxes: [box] });
    }
    const read = (node) => node === output || outof[node].some((edge) => home[edges[edge].head] !== home[node]);
    const results = boxes.map((box) => box.nodes.filter((node) => nodes[node].op && read(node)));
    return { steps, known, arrival, seed, backward, home, results };
  }

  const plans = pictures.map(() => null);
  const plan = () => (plans[state.picture] ??= stepsOf(pictures[state.picture]));
  const count = () => (updates() ? plan().steps.length : plan().backward);
  const current = () => plan().steps[state.step];
  const boxAt = (place) => pictures[state.picture].boxes[place];

  /** The shares that have arrived at a node up to a step, in the order of their arrival. */
  function arrived(node, step = state.step) {
    const { arrival } = plan();
    return readers(node)
      .filter((edge) => arrival[edge] <= step)
      .sort((one, other) => arrival[one] - arrival[other]);
  }

  /** The gradient as far as it is summed: null before anything arrived. */
  function summed(node, step = state.step) {
    if (node === output) return step >= plan().seed ? 1 : null;
    const shares = arrived(node, step);
    if (!shares.length) return null;
    if (shares.length === readers(node).length) return grad(node);
    return shares.reduce((sum, edge) => sum + at(edges[edge].contribution), 0);
  }

  /* --- a step in words and in mathematics --------------------------------------------------------- */

  /** What a box of several nodes is called: a layer, a neuron, or what was recorded many times. */
  function called(place) {
    const { scope, nodes: members } = boxAt(place);
    return scope || `the ${nodes[members[0]].op || nodes[members[0]].name} ×${members.length}`;
  }

  const moved = (members) => members.filter((node) => "after" in nodes[node]);
  const operations = (members) => members.filter((node) => nodes[node].op).length;

  function told(step) {
    switch (step.kind) {
      case "given": return toldGiven();
      case "node": return toldNode(step);
      case "group": return toldGroup(step.box);
      case "seed":
        return {
          words: `The backward pass begins at ${name(output)}: its derivative with respect to itself is 1.`,
          formula: line(partial(output, output), " = 1"),
        };
      case "edge": return toldEdge(step.edge);
      case "back": return toldBack(step.box);
      case "update": return toldUpdate(step.node);
      case "updates": {
        const against = run().lr === null ? "" : " against their gradients";
        return {
          words: `All ${counted(step.moved.length, "parameter")} of ${called(step.box)} move${against} at once; the first of them:`,
          formula: toldUpdate(step.moved[0]).formula,
        };
      }
    }
  }

  function toldGiven() {
    const ofKind = (kind) => nodes.filter((node) => node.kind === kind)
      .sort((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
    const [weights, inputs] = [ofKind("parameter"), ofKind("input")];
    const given = [inputs.length && counted(inputs.length, "input"), weights.length && counted(weights.length, "parameter")];
    const leaves = [...weights, ...inputs];
    const words = `the leaves have their numbers: ${given.filter(Boolean).join(" and ") || "constants only"}.`;
    return {
      words: frames() > 1 ? `Epoch ${epoch()}: ${words}` : `G${words.slice(1)}`,
      formula: line(leaves.slice(0, 8).map((node) => `${node.name} = ${written(at(node.data))}`).join(", ") + (leaves.length > 8 ? ", …" : "")),
    };
  }

  function toldNode({ node, phase }) {
    const operands = [...new Set(into[node].map((edge) => name(edges[edge].tail)))];
    const from = operands.length ? ` from ${listed(operands)}` : "";
    const what = trains ? "loss, the number to make small" : "output, the number to differentiate";
    const words = phase === 2
      ? `${name(node)} is the ${what}: computed${from}.`
      : `${name(node)} is computed${from}: ${operation(node)}.`;
    return { words, formula: line(computed(node)) };
  }

  function toldGroup(box) {
    const count = operations(boxAt(box).nodes);
    const results = plan().results[box];
    return {
      words: `${called(box)} computes: ${counted(count, "operation")} ${count === 1 ? "gives" : "give"} ${counted(results.length, "number")} that others read.${boxAt(box).scope ? " Open it to see each." : ""}`,
      formula: line(results.slice(0, 4).map((node) => `${name(node)} = ${written(data(node))}`).join(", ") + (results.length > 4 ? ", …" : "")),
    };
  }

  function toldBack(box) {
    const { nodes: members } = boxAt(box);
    const inner = moved(members);
    const tails = new Set(members.flatMap((node) => into[node].map((edge) => edges[edge].tail)).filter((tail) => plan().home[tail] !== box));
    const to = [inner.length && `its ${counted(inner.length, "parameter")}`, tails.size && listed([...tails].map(name), 4)];
    return {
      words: `${called(box)} carries the gradient of its results back to ${to.filter(Boolean).join(" and to ")}.`,
      formula: inner.length
        ? line(`the gradient of its ${counted(inner.length, "parameter")} has the length ${written(Math.hypot(...inner.map((node) => grad(node))))}`)
        : line(...plan().results[box].slice(0, 3).flatMap((node, place) => [place ? ", " : "", gradient(node), ` = ${written(grad(node))}`])),
    };
  }

  function operation(node) {
    const { op, symbol } = nodes[node];
    return symbol && symbol !== op ? `${op} (${symbol})` : op;
  }

  function toldEdge(edge) {
    const { tail, head, formula } = edges[edge];
    if (!flows(edge)) {
      return {
        words: taken(edge)
          ? `${name(head)} has no gradient to hand back to ${name(tail)}.`
          : `${name(head)} did not read ${name(tail)}: nothing flows back along this edge.`,
        formula: line(partial(head, tail), " plays no part"),
      };
    }
    const shares = readers(tail).length;
    const before = arrived(tail, state.step - 1);
    const sum = before.reduce((total, each) => total + at(edges[each].contribution), 0);
    const count = before.length + 1;
    const complete = count === shares;
    const place = shares === 1 ? "" : count === 1
      ? ` It is the first of ${shares} shares, which add up.`
      : ` It is added to what has arrived: share ${count} of ${shares}${complete ? ", and the sum is complete" : ""}.`;
    const factor = inside(at(edges[edge].partial));
    const local = !formula ? factor : /[ −]/.test(formula) ? `(${formula})` : formula;
    const sofar = before.length ? `${written(sum)} + ` : "";
    const more = complete ? "" : " + …";
    const total = complete ? grad(tail) : sum + at(edges[edge].contribution);
    return {
      words: `${name(head)} hands its gradient back to ${name(tail)}, times the local derivative${formula ? ` ${formula}` : ""}.${place}`,
      formula: line(
        gradient(tail), ` = ${sofar}`, gradient(head), ` · ${local}${more} = ${sofar}${inside(grad(head))} · ${factor}${more} = ${written(total)}${more}`,
      ),
    };
  }

  function toldUpdate(node) {
    const { after, gradient: given } = nodes[node];
    const next = at(after);
    const { label, lr, own, update } = run();
    if (lr === null) {
      return {
        words: `${name(node)} is updated (${[label, update].filter(Boolean).join("; ")}).`,
        formula: line(`${name(node)} ← ${written(next)}, before ${written(data(node))}`),
      };
    }
    const size = own ? grad(node) : at(given);
    const what = own ? [gradient(node)] : ["mean of ", gradient(node)];
    return {
      words: `${name(node)} takes a step against its gradient${own ? "" : ", averaged over all examples"} (${label}): it ${size > 0 ? "falls" : size < 0 ? "rises" : "stays"}.`,
      formula: line(`${name(node)} ← ${name(node)} − η · `, ...what, ` = ${written(data(node))} − ${written(lr)} · ${inside(size)} = ${written(next)}`),
    };
  }

  /* --- drawing ------------------------------------------------------------------------------------ */

  const canvas = document.querySelector("#graph .canvas");
  const plane = document.querySelector("#network .canvas");
  let drawn = { boxes: [], arrows: [], arrowOf: new Map() };

  /** Where |value| lies between so many powers of ten below the largest and the largest (see style.py). */
  function strength(value, largest) {
    const size = Math.abs(value);
    if (size >= largest || size === Infinity) return 1;
    if (size === 0 || Number.isNaN(size)) return 0;
    return Math.max(0, 1 - (Math.log10(largest) - Math.log10(size)) / payload.decades);
  }

  const SIGNS = ["positive", "negative", "zero", "invalid"];
  const sign = (value) => (Number.isNaN(value) ? "invalid" : value > 0 ? "positive" : value < 0 ? "negative" : "zero");

  function colour(shape, value, share) {
    const kind = value === null ? "" : sign(value);
    for (const each of SIGNS) shape.classList.toggle(each, each === kind);
    style(shape, "--share", `${Math.round(100 * share)}%`);
  }

  // What is set again to what it is would be drawn again.
  const style = (shape, property, value) => {
    if (shape.style.getPropertyValue(property) !== value) shape.style.setProperty(property, value);
  };
  const attribute = (shape, key, value) => {
    if (shape.getAttribute(key) !== value) shape.setAttribute(key, value);
  };

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
      const { scope, nodes: members } = picture.boxes[place];
      const acts = scope || members.length === 1; // there is nothing to do with what was recorded many times
      focusable(group, acts ? "button" : "img");
      if (scope) group.setAttribute("aria-expanded", "false");
      if (acts) group.addEventListener("click", () => (scope ? open(scope) : select(members[0])));
      lookable(group, members);
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

  function focusable(group, role) {
    group.setAttribute("role", role);
    group.setAttribute("tabindex", "0");
  }

  /** The pointer comes before the focus, which may have scrolled something else below it. */
  function lookable(group, members) {
    group.addEventListener("mouseenter", () => look(members));
    group.addEventListener("mouseleave", () => look(state.focused));
    group.addEventListener("focus", () => look((state.focused = members)));
    group.addEventListener("blur", () => look((state.focused = null)));
  }

  function zoom(by) {
    state.zoom = Math.min(8, Math.max(-6, state.zoom + by));
    scale();
  }

  /** Both drawings as wide as their places, within what can be read; on a telephone they scroll anyway. */
  function scale() {
    const least = matchMedia("(max-width: 40rem)").matches ? 1 : 0.72;
    fit(canvas, least, 1.2 ** state.zoom);
    fit(plane, least, 1);
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
    const { known } = plan();
    const step = current();
    const active = new Set(step.boxes);
    const path = state.selected === null ? null : reached(state.selected);
    const largest = Math.max(0, ...range(nodes.length - 1).filter((node) => nodes[node].kind !== "constant").map((node) => Math.abs(grad(node))).filter(Number.isFinite)) || 1;
    drawn.boxes.forEach((box, place) => {
      const { scope, nodes: members } = boxAt(place);
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
        const partial = sum !== null && node !== output && arrived(node).length < readers(node).length;
        put(box.data, ready.length ? short(data(node)) : BLANK);
        put(box.grad, sum === null ? BLANK : short(sum));
        group.classList.toggle("partial", partial);
        colour(group, sum, sum === null ? 0 : strength(sum, largest));
        const kind = nodes[node].op ? operation(node) : nodes[node].kind;
        attribute(group, "aria-label", `${name(node)}, ${kind}, data ${ready.length ? written(data(node)) : "not computed yet"}, gradient ${sum === null ? "none yet" : written(sum) + (partial ? " so far" : "")}`);
        attribute(group, "aria-pressed", String(state.selected === node));
        return;
      }
      put(box.data, ready.length === members.length ? span(members.map((node) => data(node))) : BLANK);
      put(box.grad, sums.length ? span(sums) : BLANK);
      const inner = members.filter((node) => nodes[node].kind === "parameter").map((node) => summed(node));
      put(box.norm, inner.length && inner.every((sum) => sum !== null) ? short(Math.hypot(...inner)) : BLANK);
      group.classList.toggle("grown", sums.length > 0);
      const summary = `${counted(inner.length, "parameter")} and ${counted(operations(members), "operation")}`;
      attribute(group, "aria-label", scope ? `${scope}, closed: ${summary}. Open it` : `${called(place)}, ${counted(members.length, "node")} alike`);
    });
    const moving = new Set(step.kind === "edge" ? [step.edge] : step.kind === "node" ? into[step.node] : []);
    const edgesOf = new Map(drawn.arrows.map((arrow) => [arrow, []]));
    for (const [edge, arrow] of drawn.arrowOf) edgesOf.get(arrow).push(edge);
    for (const [arrow, shown] of edgesOf) {
      const on = shown.some((edge) => path?.has(edges[edge].tail) && flows(edge));
      const moves = shown.some((edge) => moving.has(edge));
      arrow.classList.toggle("current", moves);
      arrow.classList.toggle("back", moves && step.kind === "edge");
      arrow.classList.toggle("untaken", shown.length > 0 && !shown.some(flows));
      arrow.classList.toggle("path", on);
      arrow.classList.toggle("faded", path !== null && !on);
    }
    drawNetwork(path, step);
    follow(step);
  }

  /** Scroll the drawing, and only the drawing, so that the current boxes are seen. */
  function follow(step) {
    const first = pictures[state.picture].order.find((place) => !drawn.boxes[place].constant); // a corner may be empty
    const box = drawn.boxes[step.boxes[0] ?? first];
    if (!box) return;
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
    if (!payload.network) return;
    find("network").hidden = false;
    plane.innerHTML = payload.network;
    const svg = plane.firstElementChild;
    find("network").style.flexBasis = `${0.75 * svg.dataset.width}px`; // a wide one stands above the training
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", "Neurons and weights");
    parts = [...svg.querySelectorAll("[data-part]")].map((group) => {
      const node = Number(group.dataset.node);
      group.addEventListener("click", () => select(node));
      lookable(group, [node]);
      if (group.dataset.part === "neuron") focusable(group, "button");
      else group.setAttribute("aria-hidden", "true"); // in the graph, where it is one of few, it can be reached
      return { group, node, part: group.dataset.part, text: group.querySelector("[data-prefix]") };
    });
    for (const group of svg.querySelectorAll("g.node:not([data-part]), g.edge:not([data-part])")) group.setAttribute("aria-hidden", "true");
  }

  const shown = () => document.querySelector("input[name=shown]:checked").value;

  const paintNetwork = onChange(() => [state.frame, shown()], () => {
    const value = (node) => (shown() === "data" ? data(node) : grad(node));
    const largest = (kind) => Math.max(0, ...parts.filter(({ part }) => part === kind).map(({ node }) => Math.abs(value(node))).filter(Number.isFinite)) || 1;
    const most = { edge: largest("edge"), neuron: largest("neuron") };
    for (const { group, node, part, text } of parts) {
      const number = value(node);
      if (part === "number") {
        const { prefix } = text.dataset;
        put(text, `${prefix && shown() === "grad" ? "∂" : ""}${prefix}${written(number, 3)}`);
      } else if (part === "edge") {
        const share = Math.min(1, Math.abs(number) / most.edge) || 0;
        colour(group, number, share);
        style(group, "--width", (0.8 + 2.7 * share).toFixed(2));
      } else {
        colour(group, number, strength(number, most.neuron));
        attribute(group, "aria-label", `${name(node)}, data ${written(data(node))}, gradient ${written(grad(node))}`);
      }
    }
  });

  /** The nodes that a step is about. */
  function touched({ kind, node, edge, box }) {
    if (kind === "edge") return [edges[edge].tail, edges[edge].head];
    if (kind === "group" || kind === "back" || kind === "updates") return boxAt(box).nodes;
    return node === undefined ? [] : [node];
  }

  function drawNetwork(path, step) {
    paintNetwork();
    const active = new Set(touched(step));
    for (const { group, node, part } of parts) {
      const on = path?.has(node) ?? false;
      group.classList.toggle("faded", path !== null && !on);
      group.classList.toggle("path", on);
      group.classList.toggle("selected", node === state.selected);
      group.classList.toggle("current", active.has(node));
      if (part === "neuron") attribute(group, "aria-pressed", String(node === state.selected));
    }
  }

  /* --- looking at a node -------------------------------------------------------------------------- */

  function look(members) {
    state.looked = members;
    details();
  }

  function select(node) {
    state.selected = node === state.selected ? null : node;
    state.looked = state.selected === null ? state.focused : null;
    draw();
    details();
  }

  const facts = (rows) =>
    element("dl", {}, ...rows.flatMap(([key, text]) => [element("dt", {}, key), element("dd", {}, text)]));
  const some = (all, most, write) => {
    const made = [mathematics(all.slice(0, most).map(write))];
    if (all.length > most) made.push(element("p", { class: "hint" }, `and ${all.length - most} more`));
    return made;
  };

  const details = onChange(() => [state.frame, state.picture, state.looked, state.selected], () => {
    const members = state.looked ?? (state.selected === null ? [] : [state.selected]);
    const made = members.length > 1 ? aboutGroup(plan().home[members[0]])
      : members.length ? aboutNode(members[0])
      : [element("p", { class: "hint" }, "Point at a node for its numbers. Click it, or press Enter on it: its paths to the output light up, and its derivation stands here.")];
    find("details").replaceChildren(...made);
  });

  function aboutNode(node) {
    const { op, kind } = nodes[node];
    const made = [
      element("h3", {}, typeset(name(node))),
      facts([
        ["kind", op ? `result of ${operation(node)}` : kind],
        ["data", exact(data(node))],
        ["gradient", node === output || readers(node).length ? exact(grad(node)) : "none: no path leads to the output"],
      ]),
    ];
    if (op) made.push(mathematics([line(computed(node))]));
    if (into[node].length) made.push(element("h4", {}, "Local derivatives"), ...some(into[node], 24, factor));
    if (node === state.selected) made.push(...derivation(node));
    return made;
  }

  function aboutGroup(box) {
    const { scope, nodes: members } = boxAt(box);
    const results = plan().results[box];
    const told = results.length ? results : members;
    return [
      element("h3", {}, called(box)),
      facts([["parameters", String(moved(members).length)], ["operations", String(operations(members))]]),
      element("h4", {}, results.length ? "What others read of it" : "Its numbers"),
      ...some(told, 16, (node) => line(`${name(node)} = ${written(data(node))}, `, gradient(node), ` = ${written(grad(node))}`)),
      element("p", { class: "hint" }, scope ? "Click it, or press Enter on it, to open it." : "Recorded many times, and drawn once."),
    ];
  }

  const mathematics = (lines) => element("ul", { class: "math" }, ...lines.map((parts) => element("li", {}, spoken(parts))));

  /** ∂head/∂tail with its formula and number. */
  function factor(edge) {
    const { tail, head, formula, filled: pieces } = edges[edge];
    if (!flows(edge)) return line(partial(head, tail), " plays no part: this branch was not taken");
    return line(partial(head, tail), ` = ${equation(formula, filled(pieces), written(at(edges[edge].partial)))}`);
  }

  /** How the gradient of a node comes about, factor by factor, with the numbers of this epoch. */
  function derivation(node) {
    const on = reached(node);
    const steps = [...on].sort((one, other) => other - one); // the output first
    const ways = new Map([[output, 1]]);
    for (const each of steps) if (each !== output) ways.set(each, readers(each).reduce((sum, edge) => sum + ways.get(edges[edge].head), 0));
    const paths = ways.get(node) ?? 0;
    const made = [element("h3", {}, "Its gradient, factor by factor")];
    if (node === output) return [...made, mathematics([line(partial(output, output), " = 1")])];
    if (!paths) return [...made, element("p", {}, `No path leads from ${name(node)} to ${name(output)}: its gradient is 0.`)];
    made.push(element("p", {}, `${paths.toLocaleString("en")} ${paths === 1 ? "path leads" : "paths lead"} from ${name(node)} to ${name(output)}.`));
    const factors = steps.flatMap((each) => readers(each).filter((edge) => on.has(edges[edge].head)));
    const few = factors.length <= 60;
    const { closed, closedFilled } = nodes[node];
    const form = closed ? [element("h4", {}, "Closed form"), mathematics([line(gradient(node), ` = ${closed} = ${filled(closedFilled)} = ${written(grad(node))}`)])] : [];
    const listing = few ? [element("h4", {}, "Factors"), mathematics(factors.map(factor))] : [];
    if (paths <= 4 && steps.length <= 24) {
      const sides = [];
      const walk = (each, before) => {
        if (each === output) sides.push(before);
        else for (const edge of readers(each)) walk(edges[edge].head, [edge, ...before]);
      };
      walk(node, []);
      const sum = (written) => sides.flatMap((side, place) => [place ? " + " : " = ", ...side.flatMap(written)]);
      const symbols = sum((edge, place) => [place ? " · " : "", partial(edges[edge].head, edges[edge].tail)]);
      const values = sum((edge, place) => [`${place ? " · " : ""}${inside(at(edges[edge].partial))}`]);
      made.push(element("h4", {}, "Chain rule"), mathematics([line(gradient(node), ...symbols)]), ...form, ...listing);
      made.push(element("h4", {}, "Multiplied"), mathematics([line(gradient(node), ...values, ` = ${written(grad(node))}`)]));
    } else {
      const sums = (few ? steps.filter((each) => each !== output) : [node]).map((each) => {
        const shares = readers(each).slice(0, 16);
        const more = readers(each).length > shares.length ? " + …" : "";
        const terms = shares.flatMap((edge, place) => [place ? " + " : " = ", gradient(edges[edge].head), " · ", partial(edges[edge].head, each)]);
        const values = shares.map((edge, place) => `${place ? " + " : " = "}${inside(grad(edges[edge].head))} · ${inside(at(edges[edge].partial))}`);
        return line(gradient(each), ...terms, more, `${values.join("")}${more} = ${written(grad(each))}`);
      });
      made.push(...form, ...listing, element("h4", {}, "Back from the output"), mathematics(sums));
    }
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
    state.looked = state.focused = null;
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
      (next ?? canvas).focus();
    }
  }

  /* --- training ----------------------------------------------------------------------------------- */

  const DASHES = ["", "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2", "1 4", "14 3 3 3"];

  /** The line of a run has its own colour and its own dashes: either tells it from the others. */
  const pen = (place) => `style="stroke: var(--series-${place % 6})" stroke-dasharray="${DASHES[place % DASHES.length]}"`;

  const lossInWords = (loss) => (loss === undefined ? "ended" : loss === null ? "not finite" : written(loss, 4));

  function showTraining() {
    if (runs.every((each) => each.losses.length < 2)) return;
    find("train").hidden = false;
    if (runs.length === 1) return;
    const body = element("tbody");
    runs.forEach((each, place) => {
      const radio = element("input", { type: "radio", name: "run", value: String(place) });
      radio.addEventListener("change", () => switchRun(place));
      const sample = `<svg class="sample" width="34" height="10" aria-hidden="true"><line x1="1" y1="5" x2="33" y2="5" ${pen(place)}/></svg>`;
      const label = element("label", {}, radio, ` ${each.label}`);
      label.insertAdjacentHTML("beforeend", sample);
      body.append(element("tr", {}, element("th", { scope: "row" }, label), element("td", {}), element("td", {}, lossInWords(each.losses.at(-1)))));
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

  const drawTraining = onChange(() => [state.frame], () => {
    if (find("train").hidden) return;
    const { epochs, losses, start, stop } = run();
    const slider = find("epoch");
    slider.max = String(stop - start - 1);
    slider.value = String(frameInRun());
    slider.setAttribute("aria-valuetext", `epoch ${epoch()} of ${epochs.at(-1)}`);
    find("epoch-label").textContent = `Epoch ${epoch()} of ${epochs.at(-1)}`;
    find("chart").innerHTML = chart();
    find("chart").firstElementChild.setAttribute("aria-label", `Loss curve, ${run().label}: ${lossInWords(losses[0])} before training, ${lossInWords(losses[epoch()])} at epoch ${epoch()}, ${lossInWords(losses.at(-1))} in the end`);
    document.querySelectorAll("#rates tbody tr").forEach((row, place) => {
      row.querySelector("td").textContent = lossInWords(runs[place].losses[epoch()]);
      row.querySelector("input").checked = place === state.run;
      row.classList.toggle("current", place === state.run);
    });
  });

  /** The loss curves: the one that is shown stands out, each has its own dashes. */
  function chart() {
    const [width, height, left, bottom, top, right] = [380, 210, 56, 30, 10, 12];
    const finite = runs.flatMap((each) => each.losses).filter((loss) => loss !== null);
    let [low, high] = finite.reduce(([least, most], loss) => [Math.min(least, loss), Math.max(most, loss)], [Infinity, -Infinity]);
    const logarithmic = low > 0 && high / low > 30;
    // What diverges leaves the picture, so that the others are seen.
    high = Math.min(high, 1e3 * Math.max(...runs.map((each) => Math.abs(each.losses[0] ?? 0))) || high);
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
      return { place, text: `<polyline class="${place === state.run ? "curve current" : "curve"}" ${pen(place)} points="${line}"/>` };
    });
    curves.sort((one, other) => (one.place === state.run) - (other.place === state.run));
    const now = run().losses[epoch()];
    const marker = now === null || now === undefined ? "" : `<circle class="marker" cx="${x(epoch())}" cy="${Math.max(6, y(now))}" r="5"/>`;
    return `<svg viewBox="0 0 ${width} ${height}" role="img">${grid.join("")}${feet.join("")}<text class="axis" x="${left}" y="${height - 10}" dx="26">epoch</text><svg x="${left}" y="0" width="${width - left}" height="${height - bottom + 2}" viewBox="${left} 0 ${width - left} ${height - bottom + 2}">${curves.map(({ text }) => text).join("")}</svg>${marker}</svg>`;
  }

  /* --- the controls ------------------------------------------------------------------------------- */

  function update() {
    const step = current();
    const { words, formula } = told(step);
    const total = count();
    put(find("sentence"), words);
    find("formula").replaceChildren(spoken(formula));
    const slider = find("position");
    slider.max = String(total - 1);
    slider.value = String(state.step);
    slider.setAttribute("aria-valuetext", `step ${state.step + 1} of ${total}, ${PHASES[step.phase]}`);
    find("position-label").textContent = `Step ${state.step + 1} of ${total}`;
    const idle = {
      first: state.step === 0,
      previous: atStart(),
      next: atEnd(),
      last: state.step === total - 1,
      "close-all": pictures[state.picture].opened.length === 0,
      "open-all": state.picture === widest,
    };
    for (const [id, nothing] of Object.entries(idle)) find(id).setAttribute("aria-disabled", String(nothing));
    document.querySelectorAll("#phases button").forEach((button, phase) => {
      if (phase === step.phase) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
      button.setAttribute("aria-disabled", String(firstOf(phase) < 0));
    });
    draw();
    drawTraining();
    details();
  }

  const atStart = () => state.step === 0 && frameInRun() === 0;
  const atEnd = () => state.step === count() - 1 && frameInRun() === frames() - 1;
  const firstOf = (phase) => plan().steps.slice(0, count()).findIndex((step) => step.phase === phase);

  /** To a step of this epoch, or over its ends into the epochs beside it. */
  function go(step) {
    if (step < 0) {
      if (atStart()) return;
      state.frame -= 1;
      state.step = count() - 1;
    } else if (step >= count()) {
      if (atEnd()) return stop();
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
    find("told").setAttribute("aria-live", "polite");
  }
  function play() {
    if (timer !== null) return stop();
    if (atEnd()) switchFrame(0, 0);
    timer = setInterval(() => go(state.step + 1), Number(find("speed").value));
    find("play").setAttribute("aria-pressed", "true");
    find("play").textContent = "⏸︎ Pause";
    find("told").setAttribute("aria-live", "off"); // it would be read out faster than one can listen
  }

  find("first").addEventListener("click", () => go(0));
  find("previous").addEventListener("click", () => go(state.step - 1));
  find("next").addEventListener("click", () => go(state.step + 1));
  find("last").addEventListener("click", () => go(count() - 1));
  find("play").addEventListener("click", play);
  find("speed").addEventListener("change", () => timer !== null && (stop(), play()));
  find("position").addEventListener("input", ({ target }) => go(Number(target.value)));
  find("epoch").addEventListener("input", ({ target }) => switchFrame(Number(target.value)));
  find("smaller").addEventListener("click", () => zoom(-1));
  find("larger").addEventListener("click", () => zoom(1));
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
    const button = element("button", { type: "button" }, phase);
    button.addEventListener("click", () => firstOf(place) >= 0 && go(firstOf(place)));
    find("phases").append(element("li", {}, button));
  });
  window.addEventListener("resize", scale);
  new ResizeObserver(() => document.documentElement.style.setProperty("--stepper", `${find("stepper").offsetHeight}px`)).observe(find("stepper"));

  showTraining();
  showNetwork();
  show();
  update();
  document.body.dataset.ready = "true";
})();
