"use strict";
// What is on the screen beside the picture.

function drawItem(item) {
  one("details").hidden = !item;
  if (!item) return;
  const known = item.probability !== null;
  one("place").textContent = `Image ${item.position + 1} of ${one("bar").max}`;
  one("probability").textContent = known ? percent(item.probability) : "unknown";
  one("probability-of").textContent = `calibrated probability of ${settings.positive}`;
  one("decision").textContent = item.decision || "none";
  one("reason").textContent = item.reason ? `(${item.reason})` : "";
  one("votes").replaceChildren(...Object.entries(item.votes).map(([voter, vote]) => voteRow(voter, vote)));
  one("mine").textContent = item.mine ?? "none yet";
  one("others").textContent = othersWords(item);
  one("file").textContent = fileWords(item);
}

function percent(share) {
  const digits = share > 0.001 && share < 0.999 ? 1 : 3;
  return `${(share * 100).toFixed(digits)} %`;
}

function voteRow(voter, vote) {
  const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
  head.textContent = voter;
  head.scope = "row";
  cell.textContent = vote === settings.positive ? `▲ ${vote}` : vote;
  cell.className = vote === settings.positive ? "positive" : "";
  row.append(head, cell);
  return row;
}

function othersWords(item) {
  const apart = item.disagree ? "≠ The reviewers disagree. " : "";
  if (item.others === null) return `${apart}Others' answers: shown after yours.`;
  if (!item.others.length) return `${apart}Nobody else has answered.`;
  return apart + item.others.map(({ reviewer, answer }) => `${reviewer} answered ${answer}`).join("; ") + ".";
}

function fileWords(item) {
  const copies = item.copies ? ` and ${item.copies} ${item.copies === 1 ? "copy" : "copies"}` : "";
  return item.image === null ? "File: shown after your answer (its name may tell the label)." : `File: ${item.image}${copies}`;
}

function drawProgress({ progress, last: newest }) {
  last = newest;
  const { images, answered, by_answer: byAnswer, disagreement } = progress;
  one("bar").max = images;
  one("bar").value = answered;
  const parts = settings.answers.map((name) => `${name} ${byAnswer[name]}`);
  if (disagreement) parts.push(`disagreement ${disagreement}`);
  one("progress").textContent = `${answered} of ${images} answered: ${parts.join(", ")}`;
  document.title = `${answered}/${images} facesift review`;
}

function drawButtons() {
  for (const button of one("answers").children) {
    const name = button.dataset.answer;
    button.disabled = !current || Boolean(pending) || (!visible && name !== settings.unsure);
    button.setAttribute("aria-pressed", String(current?.mine === name));
  }
  one("skip").disabled = !current;
  one("undo").disabled = !last;
}
