"use strict";
// Other views of the image, laid over it: contrast, error level, noise, and the committee's heat map.

const VIEW_KEYS = { c: "contrast", e: "error", n: "noise", h: "heat" };
let view = null; // the view on the screen; null: the image as it is
let heatUsed = false; // then the map of each new image is asked for in advance
const made = new Map(); // kind -> promise of { address, words } for the image on the screen

function leaveViews() {
  view = null;
  for (const each of made.values()) each.then(({ address }) => URL.revokeObjectURL(address), () => {});
  made.clear();
  drawView();
  if (heatUsed && current) ask(`heat/${current.image_id}`).catch(() => {});
}

function makeView(kind) {
  if (!made.has(kind)) {
    made.set(kind, kind === "heat" ? makeHeat() : makePhotoView(kind));
    made.get(kind).catch(() => made.delete(kind));
  }
  return made.get(kind);
}

async function makePhotoView(kind) {
  const reply = await ask(`view/${current.image_id}/${kind}`);
  return { address: URL.createObjectURL(await reply.blob()), words: settings.views[kind] };
}

async function makeHeat() {
  if (settings.no_maps_reason) throw new Failure(settings.no_maps_reason, 400);
  heatUsed = true;
  const found = await (await ask(`heat/${current.image_id}`)).json();
  const where = current.hidden ? "Where the committee looks, for or against. " : "";
  return { address: `data:image/png;base64,${found.png}`, words: `${where}${found.description}` };
}

async function toggleView(kind) {
  if (!current || !visible) return;
  view = view === kind ? null : kind;
  await drawView();
}

async function drawView() {
  const overlay = element("overlay"), words = element("view-words"), kind = view, shown = current;
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === kind));
  overlay.hidden = true;
  words.textContent = kind ? "Computing …" : "";
  if (!kind) return;
  try {
    const found = await makeView(kind);
    if (view !== kind || current !== shown) return;
    overlay.src = found.address;
    overlay.alt = found.words;
    await overlay.decode();
    if (view !== kind || current !== shown) return;
    overlay.hidden = false;
    words.textContent = found.words;
    drawZoom();
  } catch (failure) {
    if (view === kind && current === shown) words.textContent = failure.message;
  }
}

for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => toggleView(button.dataset.view));
