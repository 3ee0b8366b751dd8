"use strict";
// Moving through the queue and answering, by keys and buttons. The server knows everything that counts; the page keeps
// only what is on the screen, and the one answer that could not be written yet.

const PENDING = `facesift-answer-of-${settings.reviewer}`;
const ANY = "all"; // the filter that lets every image through
const TROUBLE = [0, 500, 507, 403]; // the answer is kept: no server, it failed, the disk is full, it was restarted

// --- moving

async function find(start, step, filter = one("filter").value) {
  const reply = await ask(`item?start=${start}&step=${step}&filter=${encodeURIComponent(filter)}`);
  return reply.json();
}

function show(found, words) {
  drawProgress(found);
  const same = found.item && found.item.image_id === current?.image_id;
  current = found.item;
  say(words ?? wordsOf(found));
  drawItem(current);
  if (!current) { visible = false; one("picture").hidden = true; one("absent").hidden = true; }
  else if (!same || !visible) { view.scale = 1; showPicture(current); }
  drawButtons();
  if (found.next) fetchPicture(found.next).catch(() => {});
  if (!same) drawMaps();
}

function wordsOf(found) {
  if (!found.item) return one("filter").value === "unanswered" ? "Done: you have answered every image of the queue." : "No image here.";
  return found.wrapped ? "The end of the queue is reached; this is the other end of it." : "";
}

async function guarded(work) {
  if (busy) return;
  busy = true;
  try { await work(); } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    say(failure.message);
  } finally { busy = false; }
}

const move = (start, step) => guarded(async () => show(await find(start, step)));
const onward = () => current && move(current.position + 1, 1);
// Back means: the image that was just there, though it has an answer now.
const back = () => current && guarded(async () => {
  const filter = one("filter").value;
  show(await find(current.position - 1, -1, filter === "unanswered" ? ANY : filter));
});

// Another window may have answered meanwhile: shows the same image with what is known now. It does not hold up a key
// or a click, which come together with the focus.
async function lookAgain() {
  if (!current || pending) return;
  const looking = current;
  const found = await find(looking.position, 1, ANY).catch(() => null);
  if (found && !busy && looking === current) show(found, one("message").textContent);
}

// --- answering

function answer(name) {
  if (!current || busy) return;
  if (pending) { say("First deal with the answer that is not saved (above)."); return; }
  if (!visible && name !== settings.unsure) { say("Wait until you see the image."); return; }
  send({ image_id: current.image_id, answer: name, seconds: Math.min(86400, seconds()), seen: current.mine });
}

function keep(post) {
  pending = post;
  if (post) sessionStorage.setItem(PENDING, JSON.stringify(post));
  else sessionStorage.removeItem(PENDING);
}

const send = (post) => guarded(async () => {
  keep(post);
  try {
    await ask("answer", post);
    keep(null);
    drawFailure("");
    const start = current?.position ?? 0;
    show(await find(current?.image_id === post.image_id ? start + 1 : start, 1));
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    if (pending && TROUBLE.includes(failure.status)) { drawFailure(failure.message); return; }
    keep(null);
    drawFailure("");
    show(await find(current?.position ?? 0, 1, ANY), failure.message);
  }
});

function drawFailure(words) {
  one("failure").hidden = !words;
  one("failure-words").textContent = words && `Not saved, but kept: your answer “${pending.answer}”. ${words}`;
  drawButtons();
}

function retry() { if (pending) send(pending); }
function discard() { keep(null); drawFailure(""); say("The answer was discarded."); }

const undo = () => guarded(async () => {
  if (!last) { say("There is no answer of yours to take back."); return; }
  try {
    const taken = await (await ask("undo", { number: last.number })).json();
    show(await find(taken.position, 1, ANY), `Taken back: “${taken.taken_back}”. Answer again, or go on.`);
  } catch (failure) {
    if (failure.status !== 409) throw failure;
    drawProgress(await (await ask("state")).json());
    say(failure.message);
  }
});

// --- keys

const HELP = [
  ...settings.answers.map((name) => [settings.keys[name]?.toUpperCase(), `answer ${name}`]),
  ["S", "skip, no answer"], ["→", "next image"], ["←", "image before"], ["Home", "start of the queue"], ["Z", "take your last answer back"],
  ["M", "where each member looked"], ["+", "zoom in (or wheel)"], ["−", "zoom out"], ["0", "fit"],
  ["Shift + arrows", "move the zoomed image (or drag)"], ["T", "try again to save"], ["?", "these keys"],
].filter(([key]) => key);

const ACTIONS = {
  s: onward, ArrowRight: onward, ArrowLeft: back, Home: () => move(0, 1), z: undo, m: toggleMaps, t: retry,
  "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), "0": zoomOff, "?": () => one("help").showModal(),
};
for (const [name, key] of Object.entries(settings.keys)) ACTIONS[key] = () => answer(name);
const PANS = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
const REPEATING = new Set(["+", "=", "-", "ArrowLeft", "ArrowRight"]);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || one("help").open) return;
  if (event.target instanceof HTMLSelectElement) return;
  if (event.shiftKey && PANS[event.key]) { event.preventDefault(); pan(...PANS[event.key]); return; }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const action = ACTIONS[key];
  if (!action || (event.repeat && !REPEATING.has(key))) return; // a key held down is not many answers
  event.preventDefault();
  action();
});

// --- start

function addAnswerButtons() {
  for (const name of settings.answers) {
    const button = document.createElement("button"), key = document.createElement("kbd");
    button.type = "button";
    button.dataset.answer = name;
    button.className = name === settings.positive ? "positive" : "";
    key.textContent = settings.keys[name]?.toUpperCase() ?? "";
    button.append(...(settings.keys[name] ? [key] : []), ` ${name}`);
    button.addEventListener("click", () => answer(name));
    one("answers").append(button);
  }
}

function addHelp() {
  for (const [key, words] of HELP) {
    const head = document.createElement("dt"), text = document.createElement("dd"), cap = document.createElement("kbd");
    cap.textContent = key;
    head.append(cap);
    text.textContent = words;
    one("keys").append(head, text);
  }
}

const CLICKS = {
  closer: () => zoomBy(1.5), farther: () => zoomBy(1 / 1.5), fit: zoomOff, "ask-maps": toggleMaps, skip: onward, undo,
  "ask-help": () => one("help").showModal(), retry, discard,
};
for (const [id, action] of Object.entries(CLICKS)) one(id).addEventListener("click", action);
one("filter").addEventListener("change", () => { one("filter").blur(); move(0, 1); });
one("map-positive").textContent = settings.positive;
addAnswerButtons();
addHelp();
pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
move(0, 1).then(() => { if (pending) drawFailure("It is from before the page was loaded."); });
