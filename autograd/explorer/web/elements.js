/* Elements of the page. */

const find = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// An equal value set again would be drawn again.
const style = (shape, property, value) => {
  if (shape.style.getPropertyValue(property) !== value) shape.style.setProperty(property, value);
};
const attribute = (shape, key, value) => {
  if (shape.getAttribute(key) !== value) shape.setAttribute(key, value);
};
const put = (text, content) => {
  if (text && text.textContent !== content) text.textContent = content;
};

export { attribute, element, find, put, style };
