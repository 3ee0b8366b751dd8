"use strict";
// Where each member of the committee looked.

let mapsAsked = false;
let mapsRun = null; // aborts what is under way
function toggleMaps() { mapsAsked = !mapsAsked; drawMaps(); if (mapsAsked) one("maps").scrollIntoView({ block: "nearest" }); }

async function drawMaps() {
  mapsRun?.abort();
  one("maps").hidden = !mapsAsked || !current;
  one("main").classList.toggle("with-maps", mapsAsked);
  drawZoom();
  one("ask-maps").setAttribute("aria-expanded", String(mapsAsked));
  one("map-list").replaceChildren();
  one("maps-words").textContent = settings.why;
  if (!mapsAsked || !current || settings.why) return;
  const run = mapsRun = new AbortController(), item = current;
  for (const member of settings.members) { // one after another: the server makes them one at a time
    const caption = figure(item, member);
    try {
      const made = await (await ask(`map/${item.image_id}/${encodeURIComponent(member)}`, undefined, run.signal)).json();
      await caption.take(made);
    } catch (failure) {
      if (failure.name === "AbortError") return;
      caption.fail(failure.message);
    }
  }
}

function figure(item, member) {
  const whole = document.createElement("figure"), layers = document.createElement("div"), words = document.createElement("figcaption");
  layers.className = "layers";
  words.textContent = `${member}: looking … (the first map takes longest)`;
  whole.append(layers, words);
  one("map-list").append(whole);
  return {
    async take(made) {
      const photo = new Image(), drawing = new Image();
      photo.src = await fetchPicture(item.image_id);
      photo.alt = "";
      drawing.src = `data:image/png;base64,${made.png}`;
      drawing.alt = `map of ${member}: ${made.says}`;
      drawing.className = "drawing";
      layers.replaceChildren(photo, drawing);
      words.textContent = `${member}, votes ${item.votes[member] ?? "?"}. ${made.says}`;
    },
    fail(message) { words.textContent = `${member}: ${message}`; },
  };
}
