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
    element("absent-words").textContent = failure instanceof Failure ? failure.message : "The browser cannot show this image.";
    element("aside").hidden = failure instanceof Failure && failure.status === 0;
    element("absent").hidden = false;
    drawZoom();
  }
  drawButtons();
}

// --- zoom

const zoom = { scale: 1, x: 0, y: 0 }; // scale 1: the image fits the stage

// Pixels of the screen for each pixel of the file, where the image fits the stage.
function fitted() {
  const stage = element("stage"), picture = element("picture");
  const css = Math.min(stage.clientWidth / (picture.naturalWidth || 1), stage.clientHeight / (picture.naturalHeight || 1));
  return css * devicePixelRatio;
}

function drawZoom() {
  const stage = element("stage");
  const inside = (place, length) => (zoom.scale <= 1 ? (1 - zoom.scale) * length / 2 : Math.min(0, Math.max((1 - zoom.scale) * length, place)));
  zoom.x = inside(zoom.x, stage.clientWidth);
  zoom.y = inside(zoom.y, stage.clientHeight);
  const magnification = fitted() * zoom.scale;
  for (const name of ["picture", "overlay"]) {
    element(name).style.transform = `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})`;
    element(name).classList.toggle("pixels", name === "picture" && magnification > 3);
  }
  stage.classList.toggle("zoomed", zoom.scale > 1);
  element("zoom").textContent = visible ? `${Math.round(magnification * 100)} %` : "";
}
function zoomBy(factor, x = element("stage").clientWidth / 2, y = element("stage").clientHeight / 2) {
  zoomTo(zoom.scale * factor, x, y);
}
function zoomTo(wanted, x = element("stage").clientWidth / 2, y = element("stage").clientHeight / 2) {
  const original = 1 / fitted();
  const scale = Math.min(Math.max(16, 4 * original), Math.max(Math.min(1, original), wanted));
  zoom.x = x - (x - zoom.x) * (scale / zoom.scale);
  zoom.y = y - (y - zoom.y) * (scale / zoom.scale);
  zoom.scale = scale;
  drawZoom();
}
function zoomOff() { zoom.scale = 1; drawZoom(); }
function zoomOriginal() { if (visible) zoomTo(1 / fitted()); } // one pixel of the file on one pixel of the screen
function pan(x, y) { zoom.x += x; zoom.y += y; drawZoom(); }

element("stage").addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = element("stage").getBoundingClientRect();
  zoomBy(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
element("stage").addEventListener("pointermove", (event) => { if (event.buttons & 1) pan(event.movementX, event.movementY); });
element("stage").addEventListener("dblclick", () => (zoom.scale > 1 ? zoomOff() : zoomBy(3)));
addEventListener("resize", drawZoom);
