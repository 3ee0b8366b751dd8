"use strict";
// The picture: loading, zoom, and the time that the reviewer looks at it.

const CACHED = 4; // pictures kept in memory

// --- viewing time: stops while the window is hidden

const clock = { elapsed: 0, since: 0 };
function restartClock() { clock.elapsed = 0; clock.since = performance.now(); }
function seconds() { return (clock.elapsed + (document.hidden ? 0 : performance.now() - clock.since)) / 1000; }
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clock.elapsed += performance.now() - clock.since;
  else { clock.since = performance.now(); reloadItem(); }
});
addEventListener("focus", () => reloadItem());

// --- pictures

const pictures = new Map(); // image_id -> promise of an object URL
function fetchPicture(imageId) {
  if (!pictures.has(imageId)) {
    pictures.set(imageId, ask(`image/${imageId}`).then((reply) => reply.blob()).then((blob) => URL.createObjectURL(blob)));
    pictures.get(imageId).catch(() => pictures.delete(imageId));
    for (const old of [...pictures.keys()].slice(0, Math.max(0, pictures.size - CACHED))) {
      if (old === current?.image_id) continue;
      pictures.get(old).then((address) => URL.revokeObjectURL(address), () => {});
      pictures.delete(old);
    }
  }
  return pictures.get(imageId);
}

async function showPicture(item) {
  const picture = element("picture");
  visible = false;
  picture.hidden = true;
  element("absent").hidden = true;
  try {
    const address = await fetchPicture(item.image_id);
    if (current?.image_id !== item.image_id) return;
    picture.src = address;
    picture.alt = `image ${item.position + 1} of the queue, to be reviewed`;
    await picture.decode();
    if (current?.image_id !== item.image_id) return;
    picture.hidden = false;
    visible = true;
    restartClock();
    drawZoom();
  } catch (failure) {
    if (current?.image_id !== item.image_id) return;
    element("absent").textContent = failure instanceof Failure ? failure.message : "The browser cannot show this image.";
    element("absent").hidden = false;
  }
  drawButtons();
}

// --- zoom

const view = { scale: 1, x: 0, y: 0 };
function drawZoom() {
  const stage = element("stage"), picture = element("picture");
  const far = (length) => (1 - view.scale) * length;
  view.x = Math.min(0, Math.max(far(stage.clientWidth), view.x));
  view.y = Math.min(0, Math.max(far(stage.clientHeight), view.y));
  picture.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  const fitted = Math.min(stage.clientWidth / (picture.naturalWidth || 1), stage.clientHeight / (picture.naturalHeight || 1));
  picture.classList.toggle("pixels", fitted * view.scale > 5);
  stage.classList.toggle("zoomed", view.scale > 1);
  element("zoom").textContent = `${Math.round(view.scale * 100)} %`;
}
function zoomBy(factor, x = element("stage").clientWidth / 2, y = element("stage").clientHeight / 2) {
  const scale = Math.min(16, Math.max(1, view.scale * factor));
  view.x = x - (x - view.x) * (scale / view.scale);
  view.y = y - (y - view.y) * (scale / view.scale);
  view.scale = scale;
  drawZoom();
}
function zoomOff() { view.scale = 1; drawZoom(); }
function pan(x, y) { view.x += x; view.y += y; drawZoom(); }

element("stage").addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = element("stage").getBoundingClientRect();
  zoomBy(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
element("stage").addEventListener("pointermove", (event) => { if (event.buttons & 1) pan(event.movementX, event.movementY); });
element("stage").addEventListener("dblclick", () => (view.scale > 1 ? zoomOff() : zoomBy(3)));
addEventListener("resize", drawZoom);
