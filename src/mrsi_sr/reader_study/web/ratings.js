"use strict";
// Scores of a reading (one reader's session): asked for, kept in the browser, written to CSV and read from it.
const COLUMNS = ["study", "reader", "session", "case", "metric", "image", "score", "rated_at"];
const SCORES = [...Object.keys(content.scores), content.notApplicable];
const PREFIX = `mrsi-sr reader study ${content.study} `;
let reading = null; // { reader, session, screen, scores: { "case|metric|image": [score, time] } }
let isSaved = true; // in the browser or in a file

const idOf = (name, metric, image) => [name, metric, image].join("|");
const nameOf = (reader, session) => `${PREFIX}${reader.toLowerCase()} ${session}`;

const storage = (() => {
  try {
    localStorage.setItem(PREFIX, "");
    localStorage.removeItem(PREFIX);
    return localStorage;
  } catch {
    return null; // switched off, or full
  }
})();

function keep() {
  isSaved = false;
  if (!storage) return;
  try {
    storage.setItem(nameOf(reading.reader, reading.session), JSON.stringify(reading));
    isSaved = true;
  } catch {
    document.getElementById("storage").hidden = false;
  }
}

// Reading of a name in the storage; null where there is none, or none that can be read.
function parsed(name) {
  try {
    return JSON.parse(storage.getItem(name));
  } catch {
    return null;
  }
}

const kept = (reader, session) => parsed(nameOf(reader, session));

function allKept() {
  const names = storage ? Object.keys(storage).filter((name) => name.startsWith(PREFIX)) : [];
  return names.sort().map(parsed).filter((each) => each !== null);
}

// Questions of a screen of one pair, and of the screen of a slice's two sets of images.
const pairQuestions = (each, map) => ["left", "right"].map((image) => ({ id: idOf(each.case, map.metabolite, image), image }));
const setQuestions = (each) =>
  Object.keys(content.overall).flatMap((metric) => ["A", "B"].map((image) => ({ id: idOf(each.case, metric, image), image, metric })));
const allQuestions = content.cases.flatMap((each) => [...each.maps.flatMap((map) => pairQuestions(each, map)), ...setQuestions(each)]);

// Random numbers that a text decides: FNV-1a for the first state, then mulberry32.
function randomOf(text) {
  let state = 2166136261;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(values, random) {
  const order = values.slice();
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

// Order of the screens, another one for each reader and session: slices, in each its pairs, and its two sets at last.
function screensOf(reader, session) {
  const random = randomOf(nameOf(reader, session));
  return shuffled(content.cases, random).flatMap((each, slice) => {
    const pairs = shuffled(each.maps, random).map((map, pair) => ({ each, slice, map, pair, questions: pairQuestions(each, map) }));
    return [...pairs, { each, slice, map: null, pair: pairs.length, questions: setQuestions(each) }];
  });
}

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function toCsv() {
  const rows = allQuestions.map(({ id }) => {
    const [score, time] = reading.scores[id] ?? ["", ""];
    return [content.study, reading.reader, String(reading.session), ...id.split("|"), score, time];
  });
  return [COLUMNS, ...rows].map((row) => row.map(quoted).join(",") + "\r\n").join("");
}

function cellsOf(text) {
  const rows = [[""]];
  let inQuotes = false;
  for (let i = 0; i < text.length; i++) {
    const row = rows[rows.length - 1];
    if (inQuotes && text[i] === '"' && text[i + 1] === '"') row[row.length - 1] += text[i++];
    else if (text[i] === '"') inQuotes = !inQuotes;
    else if (!inQuotes && text[i] === ",") row.push("");
    else if (!inQuotes && text[i] === "\n") rows.push([""]);
    else if (inQuotes || text[i] !== "\r") row[row.length - 1] += text[i];
  }
  return rows.filter((row) => row.length > 1);
}

// The reading in an exported file. Throws an error in words for any other file.
function fromCsv(text) {
  const [head, ...rows] = cellsOf(text.replace(/^\uFEFF/, ""));
  if (!head || head.join() !== COLUMNS.join() || !rows.length) throw new Error("This is no file that a page like this exported.");
  const [study, reader, session] = rows[0];
  if (study !== content.study) throw new Error(`This file is of study ${study}, the page of study ${content.study}.`);
  const found = { reader, session: Number(session), screen: 0, scores: {} };
  const known = new Set(allQuestions.map((question) => question.id));
  rows.forEach((row, i) => {
    const [id, score, time] = [row.slice(3, 6).join("|"), row[6], row[7]];
    const fits = row.length === COLUMNS.length && row.slice(0, 3).join("|") === [study, reader, session].join("|") && known.has(id);
    if (!fits || (score && !SCORES.includes(score))) throw new Error(`Row ${i + 2} of this file is none of this study.`);
    if (score) found.scores[id] = [score, time];
  });
  return found;
}
