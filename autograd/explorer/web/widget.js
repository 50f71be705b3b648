/* The page in a cell of a notebook, which sends its numbers to Python. */

function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.srcdoc = model.get("html");
  frame.title = model.get("title");
  frame.style.cssText = "width: 100%; border: 0";
  frame.style.height = model.get("height");
  const listen = ({ source, data }) => {
    if (source !== frame.contentWindow || data?.kind !== "autograd.explorer") return;
    const numbers = data.state.numbers.map((text) => (Number.isFinite(Number(text)) ? Number(text) : text));
    model.set("values", Object.fromEntries(data.state.names.map((name, place) => [name, numbers[place]])));
    model.save_changes();
  };
  window.addEventListener("message", listen);
  el.append(frame);
  return () => window.removeEventListener("message", listen);
}

export default { render };
