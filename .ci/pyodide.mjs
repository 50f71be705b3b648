// The pure wheel in Python for the browser, under Node: node pyodide.mjs WHEEL, beside node_modules/pyodide.
// Where Pyodide can load its numpy, all of use_in_browser.py runs. Where it cannot, the engine's own part runs, and
// numpy is a stand-in that has names and computes nothing.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { loadPyodide } from "pyodide";

const wheel = process.argv[2];
const python = await loadPyodide();
let arrays = true;
try {
  await python.loadPackage("numpy", { errorCallback: () => {}, messageCallback: () => {} });
  python.runPython("import numpy");
} catch {
  arrays = false;
}
python.FS.writeFile(`/tmp/${basename(wheel)}`, readFileSync(wheel));
python.globals.set("WHEEL", `/tmp/${basename(wheel)}`);
python.globals.set("ARRAYS", arrays);
python.runPython(readFileSync(new URL("use_in_browser.py", import.meta.url), "utf8"));
