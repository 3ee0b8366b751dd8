"use strict";
// Attribution maps: which parts of the image each member's score depends on.

let mapsWanted = false;
let mapsRun = null; // aborts the requests in progress
function toggleMaps() { mapsWanted = !mapsWanted; drawMaps(); if (mapsWanted) element("maps").scrollIntoView({ block: "nearest" }); }

async function drawMaps() {
  mapsRun?.abort();
  element("maps").hidden = !mapsWanted || !current;
  element("main").classList.toggle("with-maps", mapsWanted);
  drawZoom();
  element("ask-maps").setAttribute("aria-expanded", String(mapsWanted));
  element("map-list").replaceChildren();
  const later = current?.hidden ? "The members' maps are shown after your answer; the heat map (H) shows where they look." : "";
  element("maps-words").textContent = settings.no_maps_reason || later;
  if (!mapsWanted || !current || settings.no_maps_reason || later) return;
  const run = mapsRun = new AbortController(), item = current;
  for (const member of settings.members) { // one after another: the server makes them one at a time
    const view = figure(item, member);
    try {
      const made = await (await ask(`map/${item.image_id}/${encodeURIComponent(member)}`, undefined, run.signal)).json();
      await view.take(made);
    } catch (failure) {
      if (failure.name === "AbortError") return;
      view.fail(failure.message);
    }
  }
}

function figure(item, member) {
  const whole = document.createElement("figure"), layers = document.createElement("div"), caption = document.createElement("figcaption");
  layers.className = "layers";
  caption.textContent = `${member}: computing … (the first map takes longest)`;
  whole.append(layers, caption);
  element("map-list").append(whole);
  return {
    async take(made) {
      const photo = new Image(), drawing = new Image();
      photo.src = await fetchPicture(item.image_id);
      photo.alt = "";
      drawing.src = `data:image/png;base64,${made.png}`;
      drawing.alt = `map of ${member}: ${made.description}`;
      drawing.className = "drawing";
      layers.replaceChildren(photo, drawing);
      caption.textContent = `${member}, votes ${item.votes[member] ?? "?"}. ${made.description}`;
    },
    fail(message) { caption.textContent = `${member}: ${message}`; },
  };
}
