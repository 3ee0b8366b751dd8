"use strict";
// Moves through the queue and sends answers, by keys and buttons. The server holds the state. The page keeps only
// what is on the screen and one answer that is not saved yet.

const PENDING = `facesift-answer-of-${settings.reviewer}`;
const LOOK_AGAIN = settings.two_persons ? "unanswered" : "all"; // the filter that shows an image once more, if any may
const RETRY_STATUS = [0, 500, 507, 403]; // the answer is kept: no server, an error, a full disk, a restarted server

// --- moving

async function find(start, step, filter = element("filter").value) {
  const reply = await ask(`item?start=${start}&step=${step}&filter=${encodeURIComponent(filter)}`);
  return reply.json();
}

function show(found, words) {
  drawProgress(found);
  const same = found.item && found.item.image_id === current?.image_id;
  current = found.item;
  showMessage(words ?? messageFor(found));
  drawItem(current);
  drawEnd(found);
  if (!same) { leaveViews(); drawMore(current); }
  if (!current) { visible = false; element("picture").hidden = true; element("absent").hidden = true; drawZoom(); }
  else if (!same || !visible) { zoom.scale = 1; showPicture(current); }
  drawButtons();
  if (found.next) fetchPicture(found.next).catch(() => {});
  if (!same || mapsWanted) drawMaps();
}

function messageFor(found) {
  if (!found.item) return "";
  return found.wrapped ? "You passed the end of the queue; this is its other end." : "";
}

async function exclusive(work) {
  if (busy) return;
  busy = true;
  try { await work(); } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    showMessage(failure.message);
  } finally { busy = false; }
}

const move = (start, step) => exclusive(async () => show(await find(start, step)));
const gone = () => !element("absent").hidden && !element("aside").hidden;
const skip = () => current && (gone() ? setAside() : move(current.position + 1, 1));
// An image whose file cannot be shown waits no longer, until the page is started again.
const setAside = () => exclusive(async () => {
  const { image_id: imageId, position } = current;
  await ask("aside", { image_id: imageId });
  show(await find(position + 1, 1), "Set aside: start the page again once the file is there.");
});
// Back shows the image before, even if it has an answer now.
const back = () => current && exclusive(async () => {
  const filter = element("filter").value;
  show(await find(current.position - 1, -1, filter === "unanswered" ? LOOK_AGAIN : filter));
});

// Shows the same image again, with answers that another window gave meanwhile. It must not block the key or click that
// comes together with the focus.
async function reloadItem() {
  if (!current || pending) return;
  const shown = current;
  const found = await find(shown.position, 1, LOOK_AGAIN).catch(() => null);
  if (found && !busy && shown === current) show(found, element("message").textContent);
}

// --- answering

function answer(name) {
  if (!current || busy) return;
  if (pending) { showMessage("First save or discard the answer above."); return; }
  if (!visible && name !== settings.unsure) { showMessage("Wait until you see the image."); return; }
  send({ image_id: current.image_id, answer: name, seconds: Math.min(86400, seconds()), seen: current.mine });
}

function keep(post) {
  pending = post;
  if (post) sessionStorage.setItem(PENDING, JSON.stringify(post));
  else sessionStorage.removeItem(PENDING);
}

const send = (post) => exclusive(async () => {
  keep(post);
  try {
    const { told } = await (await ask("answer", post)).json();
    keep(null);
    drawFailure("");
    const start = current?.position ?? 0;
    const found = await find(current?.image_id === post.image_id ? start + 1 : start, 1);
    show(found, [told, messageFor(found)].filter(Boolean).join(" "));
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    if (pending && RETRY_STATUS.includes(failure.status)) { drawFailure(failure.message); return; }
    keep(null);
    drawFailure("");
    show(await find(current?.position ?? 0, 1, LOOK_AGAIN), failure.message);
  }
});

function drawFailure(words) {
  element("failure").hidden = !words;
  element("failure-words").textContent = words && `Not saved, but kept: your answer “${pending.answer}”. ${words}`;
  drawButtons();
}

function retry() { if (pending) send(pending); }
function discard() { keep(null); drawFailure(""); showMessage("The answer was discarded."); }

const undo = () => exclusive(async () => {
  if (!last) { showMessage("You have no answer to take back."); return; }
  try {
    const undone = await (await ask("undo", { number: last.number })).json();
    show(await find(undone.position, 1, LOOK_AGAIN), `Taken back: “${undone.taken_back}”. Answer again, or go on.`);
  } catch (failure) {
    if (failure.status !== 409) throw failure;
    drawProgress(await (await ask("state")).json());
    showMessage(failure.message);
  }
});

// --- keys

const HELP = [
  ...settings.answers.map((name) => [settings.keys[name]?.toUpperCase(), `answer ${name}`]),
  ["S", "skip, no answer"], ["→", "next image"], ["←", "previous image"], ["Home", "start of the queue"], ["Z", "take your last answer back"],
  ["C", "local contrast"], ["E", "error level"], ["N", "noise"], ["H", "heat map of the committee"], ["M", "maps of each member"],
  ["+", "zoom in (or wheel)"], ["−", "zoom out"], ["0", "fit"], ["O", "1:1, one pixel of the file on one of the screen"],
  ["Shift + arrows", "move the zoomed image (or drag)"], ["T", "try again to save"], ["?", "these keys"],
].filter(([key]) => key);

const ACTIONS = {
  s: skip, ArrowRight: skip, ArrowLeft: back, Home: () => move(0, 1), z: undo, m: toggleMaps, t: retry,
  "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), "0": zoomOff, o: zoomOriginal, "?": () => element("help").showModal(),
};
for (const [key, kind] of Object.entries(VIEW_KEYS)) ACTIONS[key] = () => toggleView(kind);
for (const [name, key] of Object.entries(settings.keys)) ACTIONS[key] = () => answer(name);
const PANS = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
const REPEATING = new Set(["+", "=", "-", "ArrowLeft", "ArrowRight"]);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || element("help").open) return;
  if (event.target instanceof HTMLSelectElement) return;
  if (event.shiftKey && PANS[event.key]) { event.preventDefault(); pan(...PANS[event.key]); return; }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const action = ACTIONS[key];
  if (!action || (event.repeat && !REPEATING.has(key))) return; // a key that is held down gives one answer
  event.preventDefault();
  action();
});

// --- start

function addAnswerButtons() {
  for (const name of settings.answers) {
    const button = document.createElement("button"), key = document.createElement("kbd");
    button.type = "button";
    button.dataset.answer = name;
    key.textContent = settings.keys[name]?.toUpperCase() ?? "";
    button.append(...(settings.keys[name] ? [key] : []), ` ${name}`);
    button.addEventListener("click", () => answer(name));
    element("answers").append(button);
  }
}

function addHelp() {
  for (const [key, words] of HELP) {
    const head = document.createElement("dt"), text = document.createElement("dd"), cap = document.createElement("kbd");
    cap.textContent = key;
    head.append(cap);
    text.textContent = words;
    element("keys").append(head, text);
  }
}

const CLICKS = {
  closer: () => zoomBy(1.5), farther: () => zoomBy(1 / 1.5), fit: zoomOff, original: zoomOriginal, aside: skip, "ask-maps": toggleMaps, skip: skip, undo,
  "ask-help": () => element("help").showModal(), retry, discard,
};
for (const [id, action] of Object.entries(CLICKS)) element(id).addEventListener("click", action);
element("show-all").addEventListener("click", () => {
  element("filter").value = element("filter").value === "unanswered" && !settings.two_persons ? "all" : "unanswered";
  move(0, 1);
});
element("filter").addEventListener("change", () => { element("filter").blur(); move(0, 1); });
element("map-positive").textContent = settings.positive;
element("gold").hidden = !settings.gold;
element("help-others").hidden = settings.blind || settings.two_persons;
addAnswerButtons();
addHelp();
pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
move(0, 1).then(() => { if (pending) drawFailure("It was given before the page was loaded again."); });
