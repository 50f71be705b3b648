/* Numbers in writing, and in reading. */

/** A number as Python's format :.6g, with a real minus sign, and with an exponent below `least`. */
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

const short = (number) => written(number, 4, 1e-3); // as wide as there is room for in a box

/** The number in a typed text; NaN if it is none. */
function read(text) {
  const plain = text.trim().replaceAll("−", "-").replace(/^([-+]?)(∞|inf|infinity)$/i, "$1Infinity");
  return /^[-+]?(Infinity|(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)$/i.test(plain) ? Number(plain) : NaN;
}

/** The number some steps further; a step is a tenth of its leading digit's place, and the grid a tenth of a step. */
function stepped(number, steps) {
  const size = Math.abs(number);
  const step = 10 ** (Math.floor(Math.log10(size >= 1e-6 && Number.isFinite(size) ? size : 1)) - 1);
  const on = (Number.isFinite(number) ? number : 0) + steps * step;
  return Number((Math.round(on / (step / 10)) * (step / 10)).toPrecision(12));
}

/** A number as Python's repr writes it. */
function represented(number) {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) return number.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  return Object.is(number, -0) ? "-0.0" : Number.isInteger(number) ? `${number}.0` : String(number);
}

/** A number as a program in Python has it. */
const inPython = (number) => (Number.isFinite(number) ? represented(number) : `float('${represented(number)}')`);

export { exact, inPython, read, represented, short, stepped, written };
