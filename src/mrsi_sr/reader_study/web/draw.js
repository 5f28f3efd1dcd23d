"use strict";
// Images of the study on canvases: metabolic maps in colours or grey, MRI in grey.
const content = JSON.parse(document.getElementById("content").textContent);
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const greys = (darkest) => Uint8Array.from({ length: 768 }, (_, i) => darkest + (Math.floor(i / 3) * (255 - darkest)) / 255);
const mriTable = greys(0);
const colourTables = { viridis: bytesOf(content.colours), grey: greys(60) }; // the darkest is above that of no value
const NO_VALUE = [27, 27, 31];
let colours = "viridis";

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function paint(canvas, values, [rows, columns], table, hasMissing) {
  canvas.width = columns;
  canvas.height = rows;
  const image = new ImageData(columns, rows);
  values.forEach((value, i) => {
    const shown = hasMissing && value === 0 ? NO_VALUE : table.subarray(3 * value, 3 * value + 3);
    image.data.set([...shown, 255], 4 * i);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// A metabolic map: value 0 is a voxel without a value, 1 to 255 run from zero to the end of the window.
const mapCanvas = (text, shape) => paint(document.createElement("canvas"), bytesOf(text), shape, colourTables[colours], true);
const mriCanvas = (text, shape) =>
  paint(document.createElement("canvas"), bytesOf(text), shape.map((length) => 3 * length), mriTable, false);

function pictured(canvas, title, side) {
  const figure = element("figure", {}, element("figcaption", { textContent: title }));
  const frame = element("div", {}, canvas);
  frame.style.position = "relative";
  if (side) frame.append(element("span", { className: "side", textContent: side }));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", title);
  figure.append(frame);
  return figure;
}

// Colour bar from zero to the end of the window, in the maps' unit.
function windowBar(high) {
  const bar = paint(document.createElement("canvas"), Uint8Array.from({ length: 255 }, (_, i) => 255 - i), [255, 1], colourTables[colours], false);
  const numbers = [`${high} ${content.unit}`, "0"].map((textContent) => element("span", { textContent }));
  return element("div", { className: "window" }, bar, ...numbers);
}
