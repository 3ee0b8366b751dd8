"use strict";
// The details beside the picture: probability, votes, answers, progress.

function drawItem(item) {
  element("details").hidden = !item;
  if (!item) return;
  element("place").textContent = `Image ${item.position + 1} of ${settings.images}`;
  element("blind").hidden = !settings.blind;
  element("why").textContent = item.why;
  element("why").hidden = !item.why;
  element("opinion").hidden = item.hidden;
  const known = item.probability !== null;
  element("probability").textContent = known ? percent(item.probability) : "unknown";
  element("probability-of").textContent = `calibrated probability of ${settings.positive}${holdsAt(item)}`;
  element("decision").textContent = item.decision || "none";
  element("votes").replaceChildren(...Object.entries(item.votes).map(([voter, vote]) => voteItem(voter, vote)));
  element("mine").textContent = item.mine ?? "none yet";
  element("others").textContent = othersText(item);
  element("file").textContent = fileText(item);
}

// What has to be asked for, once for each image: facts of the file, and similar training images.
async function drawMore(item) {
  element("facts").replaceChildren();
  element("similar").hidden = true;
  if (!item) return;
  const still = () => current?.image_id === item.image_id;
  if (!settings.blind) {
    const facts = await ask(`facts/${item.image_id}`).then((reply) => reply.json(), () => []);
    if (still()) element("facts").replaceChildren(...facts.flatMap(([name, value]) => [textIn("dt", name), textIn("dd", value)]));
  }
  if (!settings.similar) return;
  const found = await ask(`similar/${item.image_id}`).then((reply) => reply.json(), () => ({}));
  const figures = await Promise.all(Object.entries(found).map(([label, imageId]) => similarFigure(label, imageId).catch(() => null)));
  if (!still()) return;
  element("similar-list").replaceChildren(...figures.filter(Boolean));
  element("similar").hidden = !figures.some(Boolean);
}

async function similarFigure(label, imageId) {
  const whole = document.createElement("figure"), photo = new Image();
  photo.src = URL.createObjectURL(await (await ask(`training/${imageId}`)).blob());
  photo.alt = `most similar ${label} image of the training part`;
  whole.append(photo, textIn("figcaption", label));
  return whole;
}

function textIn(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

// The end of the queue, or a filter that lets nothing through.
function drawEnd(found) {
  element("end").hidden = Boolean(found.item);
  element("main").classList.toggle("ended", !found.item);
  if (found.item) return;
  const filter = element("filter").value, finished = filter === "unanswered";
  const { answered, images, aside, by_answer: byAnswer } = found.progress;
  element("end-title").textContent = finished ? found.done ?? "No image waits for you." : emptyText(filter);
  const counts = [["answered", `${answered} of ${images}`], ...Object.entries(byAnswer)];
  if (aside) counts.push(["set aside", aside]);
  element("end-counts").hidden = element("end-next").hidden = element("end-steps").hidden = !finished;
  element("end-counts").replaceChildren(...counts.flatMap(([name, value]) => [textIn("dt", name), textIn("dd", value)]));
  element("end-next").hidden ||= !found.next_steps.length;
  element("end-steps").replaceChildren(...found.next_steps.map(([command, words]) => {
    const line = textIn("li", ` ${words}`);
    line.prepend(textIn("code", command));
    return line;
  }));
  element("show-all").hidden = settings.two_persons && finished;
  element("show-all").textContent = finished ? "Look at the images again" : "Show what waits for an answer";
  element("end-title").focus();
}

function emptyText(filter) {
  if (filter === "disagreement") return "The reviewers disagree on no image.";
  return filter === "all" ? "The queue is empty." : `You have answered “${filter}” for no image.`;
}

function holdsAt({ prevalence: share }) {
  if (share === null) return `, which holds at no known share of ${settings.positive}`;
  return `, where ${percent(share)} of the images are ${settings.positive}`;
}

function percent(share) {
  const digits = share > 0.001 && share < 0.999 ? 1 : 3;
  return `${(share * 100).toFixed(digits)} %`;
}

function voteItem(voter, vote) {
  const item = textIn("li", `${voter} `);
  item.append(textIn("strong", vote === settings.positive ? `▲ ${vote}` : vote));
  item.className = vote === settings.positive ? "positive" : "";
  return item;
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
  const { images, answered, aside, by_answer: byAnswer, disagreement } = progress;
  element("bar").max = Math.max(images, 1);
  element("bar").value = answered;
  const parts = settings.answers.map((name) => `${name} ${byAnswer[name]}`);
  if (disagreement) parts.push(`disagreement ${disagreement}`);
  if (aside) parts.push(`set aside ${aside}`);
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
