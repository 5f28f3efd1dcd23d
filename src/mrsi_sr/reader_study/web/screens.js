"use strict";
// Screens of the study: start, one for each pair and each slice, end; and the keys that move through them.
const at = (id) => document.getElementById(id);
const WEEK_MS = 7 * 24 * 3600 * 1000;
let screens = [];
let now = 0; // question of the screen that a key answers

const screen = () => screens[reading.screen];
const isMissing = (question) => !(question.id in reading.scores);
const missingOf = (each) => each.questions.filter(isMissing).length;
const given = () => Object.keys(reading.scores).length;
const scores = (number) => `${number} score${number === 1 ? "" : "s"}`;

function show(main) {
  for (const id of ["start", "rating", "end"]) at(id).hidden = id !== main;
  document.body.classList.toggle("rates", main === "rating");
}

function tell(id, text) {
  at(id).textContent = text;
  at(id).hidden = !text;
}

// --- start

function describe() {
  const pairs = content.cases.length * content.metabolites.length;
  at("purpose").textContent =
    `${content.cases.length} slices with ${content.metabolites.length} metabolites each: ${pairs} pairs of images, and each slice as a whole. ` +
    `Each pair shows two images of one metabolite, in random order and not labelled, beside the ground truth.`;
  for (const [score, word] of [...Object.entries(content.scores), [content.notApplicable, "not applicable"]])
    at("scale").append(element("dt", { textContent: score }), element("dd", { textContent: word }));
  at("storage").hidden = storage !== null;
  at("begun").replaceChildren(
    ...allKept().map((each) => {
      const count = `${Object.keys(each.scores).length} of ${scores(allQuestions.length)}`;
      const button = element("button", { type: "button", textContent: "Continue" });
      button.addEventListener("click", () => begin(each));
      return element("li", {}, `${each.reader}, session ${each.session}: ${count} `, button);
    }),
  );
}

function begin(chosen) {
  reading = chosen;
  screens = screensOf(reading.reader, reading.session);
  reading.screen = Math.min(Math.max(reading.screen | 0, 0), screens.length - 1);
  show("rating");
  draw();
}

// Time until the wash-out after the reader's session before is over, in words; nothing where it is.
function washout(reader, session) {
  const times = Object.values(kept(reader, session - 1)?.scores ?? {}).map(([, time]) => Date.parse(time));
  const weeks = times.length ? (Date.now() - Math.max(...times)) / WEEK_MS : Infinity;
  if (weeks >= content.washoutWeeks) return "";
  return `Session ${session - 1} ended ${Math.floor(weeks * 7)} days ago, and ${content.washoutWeeks} weeks should lie between two sessions. Press the button again to start all the same.`;
}

at("reader-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const reader = at("reader").value.trim().replace(/ +/g, " ");
  const session = Number(at("session").value);
  const before = kept(reader, session);
  const warning = before ? "" : washout(reader, session);
  if (warning && at("washout").textContent !== warning) return tell("washout", warning);
  begin(before ?? { reader, session, screen: 0, scores: {} });
});

at("import").addEventListener("change", async () => {
  try {
    const found = fromCsv(await at("import").files[0].text());
    const next = screensOf(found.reader, found.session).findIndex((each) => each.questions.some(({ id }) => !(id in found.scores)));
    found.screen = Math.max(next, 0);
    const before = kept(found.reader, found.session);
    const more = before ? Object.keys(before.scores).length - Object.keys(found.scores).length : 0;
    if (more > 0 && !confirm(`This browser keeps ${scores(more)} more of this session than the file has. Take the file all the same?`)) return;
    begin(found);
    keep();
  } catch (error) {
    tell("import-error", error.message);
  }
});

// --- rating

function draw() {
  const { each, map, slice, pair } = screen();
  const number = content.metabolites.length;
  now = Math.max(screen().questions.findIndex(isMissing), 0);
  at("place").textContent = `slice ${slice + 1} of ${content.cases.length}, ` + (map ? `pair ${pair + 1} of ${number}` : "all metabolites");
  const mri = element("div", { className: "mri" });
  for (const [name, text] of Object.entries(each.mri)) mri.append(pictured(mriCanvas(text, each.shape), name, each.side));
  at("stage").className = map ? "pair" : "sets";
  at("stage").replaceChildren(mri, ...(map ? pairOf(each, map) : setsOf(each)));
  update();
}

function pairOf(each, map) {
  const trio = element("div", { className: "trio" });
  const [left, right] = map.images.map((text, i) => pictured(mapCanvas(text, each.shape), ["left", "right"][i], each.side));
  const truth = pictured(mapCanvas(map.truth, each.shape), `${map.metabolite}: ground truth`, each.side);
  const [first, second] = screen().questions.map((question, i) => questionBox(i, `Conspicuity of ${map.metabolite}, ${question.image} image`));
  trio.append(left, truth, right, windowBar(map.high), first, element("div"), second);
  return [trio];
}

function setsOf(each) {
  const rows = element("div", { className: "rows" });
  rows.style.setProperty("--maps", each.maps.length);
  const head = each.maps.map((map) => element("div", { className: "head", textContent: map.metabolite }));
  const cells = (name, texts) => [element("div", { className: "name", textContent: name }), ...texts.map((text) => mapCanvas(text, each.shape))];
  const ofSet = (set) => each.maps.map((map, m) => map.images[each.sets[set][m]]);
  rows.append(element("div"), ...head, ...cells("A", ofSet(0)), ...cells("truth", each.maps.map((map) => map.truth)), ...cells("B", ofSet(1)));
  const grid = element("div", { className: "grid" }, element("div"), ...["A", "B"].map((set) => element("div", { className: "head", textContent: `images ${set}` })));
  screen().questions.forEach((question, i) => {
    const words = content.overall[question.metric];
    if (i % 2 === 0) grid.append(element("div", { textContent: words }));
    grid.append(questionBox(i, `${words}, images ${question.image}`));
  });
  return [rows, grid];
}

function questionBox(number, label) {
  const choices = element("div", { className: "choices" });
  choices.setAttribute("role", "radiogroup");
  choices.setAttribute("aria-label", label);
  for (const score of SCORES) {
    const button = element("button", { type: "button", tabIndex: -1 }, score, element("small", { textContent: content.scores[score] ?? "n. a." }));
    button.dataset.score = score;
    button.setAttribute("role", "radio");
    button.addEventListener("click", () => { now = number; rate(score); });
    choices.append(button);
  }
  return element("div", { className: "question" }, element("p", { textContent: label }), choices);
}

function update() {
  document.querySelectorAll("#stage .question").forEach((box, i) => {
    box.classList.toggle("now", i === now);
    const score = reading.scores[screen().questions[i].id]?.[0];
    for (const button of box.querySelectorAll("button")) button.setAttribute("aria-checked", button.dataset.score === score);
  });
  at("progress").max = allQuestions.length;
  at("progress").value = given();
  at("count").textContent = `${given()} of ${scores(allQuestions.length)}`;
  at("missing").textContent = `${allQuestions.length - given()} missing`;
  at("missing").disabled = given() === allQuestions.length;
}

function rate(score) {
  const question = screen().questions[now];
  if (score === null) delete reading.scores[question.id];
  else reading.scores[question.id] = [score, new Date().toISOString()];
  keep();
  tell("notice", "");
  if (score !== null && now + 1 < screen().questions.length) now += 1;
  update();
}

function go(step) {
  const missing = missingOf(screen());
  if (reading.screen + step < 0) return;
  if (reading.screen + step >= screens.length) return finish();
  reading.screen += step;
  keep();
  draw();
  tell("notice", missing && step > 0 ? `The screen before lacks ${scores(missing)}: ← goes back.` : "");
}

function goTo(number) {
  reading.screen = number;
  keep();
  show("rating");
  draw();
  tell("notice", "");
}

function nextMissing() {
  const order = screens.map((_, i) => (reading.screen + i) % screens.length);
  const found = order.find((i) => missingOf(screens[i]));
  if (found !== undefined) goTo(found);
}

// --- end

function finish() {
  const missing = allQuestions.length - given();
  at("end-title").textContent = missing ? `${scores(missing)} missing` : "All scores given. Thank you.";
  at("end-text").textContent = missing
    ? "These screens lack scores; choose one to go there. Give NA where a slice does not show what is asked for."
    : "Export the CSV file and send it to whoever gave you this page.";
  at("missing-list").replaceChildren(
    ...screens.flatMap((each, i) => {
      if (!missingOf(each)) return [];
      const words = `slice ${each.slice + 1}, ${each.map ? each.map.metabolite : "all metabolites"}: ${scores(missingOf(each))}`;
      const button = element("button", { type: "button", textContent: words });
      button.addEventListener("click", () => goTo(i));
      return [element("li", {}, button)];
    }),
  );
  tell("exported", "");
  show("end");
}

function exportCsv() {
  const link = element("a", { download: `ratings_${content.study}_${reading.reader.replace(/[^\p{L}\p{N}]+/gu, "-")}_session-${reading.session}.csv` });
  link.href = URL.createObjectURL(new Blob([toCsv()], { type: "text/csv;charset=utf-8" }));
  link.click();
  isSaved = true;
  const missing = allQuestions.length - given();
  const words = `Exported as ${link.download}.` + (missing ? ` ${scores(missing)} of ${allQuestions.length} are still missing.` : "");
  tell(at("end").hidden ? "notice" : "exported", words);
}

function onKey(event) {
  if (at("rating").hidden || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("select, input")) return;
  const last = screen().questions.length - 1;
  const actions = {
    ArrowLeft: () => go(-1),
    ArrowRight: () => go(1),
    ArrowUp: () => { now = Math.max(now - 1, 0); update(); },
    ArrowDown: () => { now = Math.min(now + 1, last); update(); },
    Backspace: () => rate(null),
    Delete: () => rate(null),
    u: nextMissing,
    U: nextMissing,
    0: () => rate(content.notApplicable),
  };
  Object.keys(content.scores).forEach((score, i) => (actions[i + 1] = () => rate(score)));
  if (!Object.hasOwn(actions, event.key)) return;
  event.preventDefault();
  actions[event.key]();
}

document.addEventListener("keydown", onKey);
at("back").addEventListener("click", () => go(-1));
at("next").addEventListener("click", () => go(1));
at("missing").addEventListener("click", nextMissing);
at("return").addEventListener("click", () => goTo(reading.screen));
for (const button of document.querySelectorAll(".export")) button.addEventListener("click", exportCsv);
at("colours").addEventListener("change", () => {
  colours = at("colours").value;
  const before = now;
  draw();
  now = before;
  update();
  at("colours").blur(); // the keys rate again
});
window.addEventListener("beforeunload", (event) => {
  if (!isSaved) event.preventDefault();
});
describe();
show("start");
