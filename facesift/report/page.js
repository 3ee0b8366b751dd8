"use strict";
// The picture of applications follows the chosen share of fakes; legends hide series; a printed page has all unfolded.

for (const input of document.querySelectorAll("input[name=share]")) {
  input.addEventListener("change", () => {
    for (const figure of document.querySelectorAll("[data-share]")) figure.hidden = figure.dataset.share !== input.value;
  });
}

for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    const series = button.closest("figure").querySelectorAll(`.series-${button.dataset.series}`);
    for (const part of series) part.style.display = shown ? "" : "none";
  });
}

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.tagName === "DETAILS") target.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();

addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) {
    folded.open = true;
    folded.dataset.printed = "";
  }
});
addEventListener("afterprint", () => {
  for (const folded of document.querySelectorAll("details[data-printed]")) {
    folded.open = false;
    delete folded.dataset.printed;
  }
});
