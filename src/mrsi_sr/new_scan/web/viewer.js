"use strict";
// Slices of a scan: nilearn's viewer in a frame, a choice of maps, a slider through the slices, and the numbers of all
// maps in the voxel under the cross.
const content = JSON.parse(document.getElementById("viewer-content").textContent);
const frame = document.getElementById("viewer");
const nameOf = document.getElementById("map-name"), kindOf = document.getElementById("map-kind");
const slider = document.getElementById("slice");
const numbers = document.querySelector("#voxel-values tbody");
let brain = null; // nilearn's viewer
let voxel = content.start.slice(); // under the cross: i, j, slice, in the box around the brain

function decode(text, type) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new type(bytes.buffer);
}
for (const map of content.maps) map.integers = decode(map.values.integers, Uint16Array);
for (const name in content.reasons) content.reasons[name] = decode(content.reasons[name], Uint8Array);

const apply = (matrix, at) => matrix.slice(0, 3).map((row) => row[0] * at[0] + row[1] * at[1] + row[2] * at[2] + row[3]);
const within = (at) => at.every((index, axis) => index >= 0 && index < content.shape[axis]);
const position = (at) => (at[0] * content.shape[1] + at[1]) * content.shape[2] + at[2];
const find = (name, kind) => content.maps.find((map) => map.name === name && map.kind === kind);

// The page of nilearn in the frame calls this in place of its viewer.
window.openViewer = (brainsprite, parameters) => {
  const limits = parameters.nbSlice;
  const at = apply(content.toViewer, voxel).map(Math.round);
  ["X", "Y", "Z"].forEach((axis, i) => (at[i] = Math.min(Math.max(at[i], 0), limits[axis] - 1)));
  parameters.numSlice = { X: at[0], Y: at[1], Z: at[2] };
  // The viewer counts voxels from 1 where it tells coordinates, and from 0 where it shows them.
  parameters.affine = parameters.affine.map((row, i) => (i < 3 ? [...row.slice(0, 3), row[3] - row[0] - row[1] - row[2]] : row));
  parameters.onclick = follow;
  parameters.colorCrosshair = "#ff4f4f";
  brain = brainsprite(parameters);
  frame.style.height = `${brain.canvas.height + 16}px`;
  return brain;
};

function follow() {
  const at = brain.numSlice;
  voxel = apply(content.toVoxel, [at.X, at.Y, at.Z]).map(Math.round);
  tell();
}

function moveTo(slice) {
  voxel[2] = slice;
  if (brain) {
    const at = apply(content.toViewer, voxel).map(Math.round);
    brain.numSlice.X = at[0];
    brain.numSlice.Y = at[1];
    brain.numSlice.Z = at[2];
    brain.init();
    brain.drawAll();
  }
  tell();
}

function valueOf(map) {
  if (!map || !within(voxel)) return null;
  const integer = map.integers[position(voxel)];
  return integer === 65535 ? null : map.values.low + map.values.step * integer;
}

function missing(name) {
  if (!within(voxel)) return "outside the brain";
  const flags = content.reasons[name];
  if (!flags) return "no value";
  const bits = flags[position(voxel)];
  return Object.keys(content.words).filter((bit) => bits & bit).map((bit) => content.words[bit]).join("; ") || "no value";
}

const shown = (value) => (value === null ? "–" : Number(value.toPrecision(4)).toString());

function tell() {
  const inside = voxel[2] >= 0 && voxel[2] < content.slices.length;
  document.getElementById("voxel").textContent = inside ? `slice ${content.slices[voxel[2]]}` : "outside the slices";
  if (inside) slider.value = voxel[2];
  for (const row of numbers.rows) {
    const name = row.dataset.name;
    const values = Object.keys(content.kinds).map((kind) => valueOf(find(name, kind)));
    values.forEach((value, column) => (row.cells[column + 1].textContent = shown(value)));
    row.lastElementChild.textContent = values.every((value) => value === null) ? missing(name) : "";
  }
}

function show() {
  for (const option of kindOf.options) option.disabled = !find(nameOf.value, option.value);
  if (kindOf.selectedOptions[0].disabled) kindOf.value = [...kindOf.options].find((option) => !option.disabled).value;
  const map = find(nameOf.value, kindOf.value);
  document.getElementById("map-unit").textContent = map.unit ? `colour bar in ${map.unit}` : "colour bar: a ratio";
  brain = null; // until the frame has loaded
  frame.srcdoc = map.parts.map((part) => content.parts[part]).join("");
}

slider.max = content.slices.length - 1;
slider.addEventListener("input", () => moveTo(Number(slider.value)));
nameOf.addEventListener("change", show);
kindOf.addEventListener("change", show);
show();
tell();
