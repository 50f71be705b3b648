/* The training as a workbook of live formulas, with the columns of `save_workbook` and the numbers of the moment.

   An .xlsx file is a zip archive of XML parts (ECMA-376), stored here without compression. */

import { run } from "./graph.js";
import { data } from "./live.js";
import { nodes, payload } from "./payload.js";
import { say } from "./say.js";
import { state } from "./state.js";

const [NAMES, NUMBERS, HEADER, FIRST] = [4, 5, 8, 9]; // rows, as the formulas refer to them

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
/** A column's letters, counted from 0. */
const letters = (column) => (column < 26 ? "" : letters(Math.floor(column / 26) - 1)) + String.fromCharCode(65 + (column % 26));

const written = (place, text) => `<c r="${place}" t="inlineStr"><is><t xml:space="preserve">${escaped(text)}</t></is></c>`;
const counted = (place, number) => `<c r="${place}"><v>${number}</v></c>`;
const computed = (place, formula) => `<c r="${place}"><f>${escaped(formula)}</f></c>`;
const row = (number, cells) => `<row r="${number}">${cells.join("")}</row>`;
const across = (number, each, texts) => texts.map((text, column) => each(`${letters(column)}${number}`, text));

/** The rate and the leaves at the top, and a row for each update, computed from the row above. */
function sheet(epochs) {
  const { headers, cells, leaves } = payload.workbook;
  const rate = state.live?.rate ?? run().lr ?? 0.5;
  const rows = [
    row(1, [written("A1", document.title)]), row(2, [written("A2", say("workbook.note"))]),
    row(NAMES, across(NAMES, written, ["η", ...leaves.map((node) => nodes[node].name)])),
    row(NUMBERS, across(NUMBERS, counted, [rate, ...leaves.map(data)])),
    row(HEADER, across(HEADER, written, ["epoch", ...headers])),
  ];
  for (let epoch = 1; epoch <= epochs; epoch += 1) {
    const at = FIRST + epoch - 1;
    const formulas = cells.map(([first, later]) => (epoch === 1 ? first : later).replaceAll("{row}", at).replaceAll("{above}", at - 1));
    rows.push(row(at, [counted(`A${at}`, epoch), ...across(at, computed, ["", ...formulas]).slice(1)]));
  }
  return `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>${rows.join("")}</sheetData></worksheet>`;
}

const RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml";
const relation = (kind, target) => `<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${RELATIONS}/${kind}" Target="${target}"/></Relationships>`;

/** A workbook whose formulas are computed when it is opened. */
function workbook() {
  const epochs = Math.min(1000, Math.max(100, state.live?.steps ?? 0, run().epochs.at(-1)));
  const parts = {
    "[Content_Types].xml": `<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPE}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${TYPE}.worksheet+xml"/></Types>`,
    "_rels/.rels": relation("officeDocument", "xl/workbook.xml"),
    "xl/workbook.xml": `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="${RELATIONS}"><sheets><sheet name="training" sheetId="1" r:id="rId1"/></sheets><calcPr fullCalcOnLoad="1"/></workbook>`,
    "xl/_rels/workbook.xml.rels": relation("worksheet", "worksheets/sheet1.xml"),
    "xl/worksheets/sheet1.xml": sheet(epochs),
  };
  return archive(Object.entries(parts).map(([name, text]) => [name, new TextEncoder().encode(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n${text}`)]));
}

// --- the archive (APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16) ----------------------------------

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});
const checksum = (bytes) => ~bytes.reduce((sum, byte) => TABLE[(sum ^ byte) & 255] ^ (sum >>> 8), -1) >>> 0; // CRC-32

/** Little-endian numbers of two bytes, or of four if they are in a list of their own. */
function little(...fields) {
  return Uint8Array.from(fields.flatMap((field) => {
    const [number, size] = Array.isArray(field) ? [field[0], 4] : [field, 2];
    return Array.from({ length: size }, (_, place) => (number >>> (8 * place)) & 255);
  }));
}

function archive(files) {
  const [local, central] = [[], []];
  let offset = 0;
  for (const [name, bytes] of files) {
    const called = new TextEncoder().encode(name);
    const about = [20, 0, 0, 0, 33, [checksum(bytes)], [bytes.length], [bytes.length], called.length, 0]; // 33: 1 January 1980
    const head = little([0x04034b50], ...about);
    local.push(head, called, bytes);
    central.push(little([0x02014b50], 20, ...about, 0, 0, 0, [0], [offset]), called);
    offset += head.length + called.length + bytes.length;
  }
  const size = central.reduce((sum, { length }) => sum + length, 0);
  return new Blob([...local, ...central, little([0x06054b50], 0, 0, files.length, files.length, [size], [offset], 0)]);
}

export { workbook };
