"use strict";
// The details beside the picture: probability, votes, answers, progress.

function drawItem(item) {
  element("details").hidden = !item;
  if (!item) return;
  const known = item.probability !== null;
  element("place").textContent = `Image ${item.position + 1} of ${settings.images}`;
  for (const name of ["opinion", "votes-table"]) element(name).hidden = settings.blind;
  element("blind").hidden = !settings.blind;
  element("probability").textContent = known ? percent(item.probability) : "unknown";
  element("probability-of").textContent = `calibrated probability of ${settings.positive}${holdsAt(item)}`;
  element("decision").textContent = item.decision || "none";
  element("reason").textContent = item.reason ? `(${item.reason})` : "";
  element("votes").replaceChildren(...Object.entries(item.votes).map(([voter, vote]) => voteRow(voter, vote)));
  element("mine").textContent = item.mine ?? "none yet";
  element("others").textContent = othersText(item);
  element("file").textContent = fileText(item);
}

function holdsAt({ prevalence: share }) {
  if (share === null) return `, which holds at no known share of ${settings.positive}`;
  return `, where ${percent(share)} of the images are ${settings.positive}`;
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

function othersText(item) {
  if (settings.blind || settings.two_persons) return "";
  const apart = item.disagree ? "≠ The reviewers disagree. " : "";
  if (item.others === null) return `${apart}Other reviewers' answers are shown after your own.`;
  if (!item.others.length) return `${apart}No other reviewer has answered.`;
  return apart + item.others.map(({ reviewer, answer }) => `${reviewer} answered ${answer}`).join("; ") + ".";
}

function fileText(item) {
  if (settings.blind) return "";
  const copies = item.copies ? ` and ${item.copies} ${item.copies === 1 ? "copy" : "copies"}` : "";
  return item.image === null ? "The file name is shown after your answer, because it may tell the label." : `File: ${item.image}${copies}`;
}

function drawProgress({ progress, last: newest }) {
  last = newest;
  const { images, answered, by_answer: byAnswer, disagreement } = progress;
  element("bar").max = Math.max(images, 1);
  element("bar").value = answered;
  const parts = settings.answers.map((name) => `${name} ${byAnswer[name]}`);
  if (disagreement) parts.push(`disagreement ${disagreement}`);
  element("progress").textContent = `${answered} of ${images} answered: ${parts.join(", ")}`;
  document.title = `${answered}/${images} facesift review`;
}

function drawButtons() {
  for (const button of element("answers").children) {
    const name = button.dataset.answer;
    button.disabled = !current || Boolean(pending) || (!visible && name !== settings.unsure);
    button.setAttribute("aria-pressed", String(current?.mine === name));
  }
  element("skip").disabled = !current;
  element("undo").disabled = !last;
}
