"use strict";
// Talking to the server, and what all scripts of the page share.

const settings = JSON.parse(document.querySelector("meta[name=settings]").content);
const one = (id) => document.getElementById(id);

let current = null; // the image on the screen, as the server described it
let last = null; // what an undo would take back
let visible = false; // whether the picture can be seen
let busy = false;
let pending = null; // an answer that is not written yet

class Failure extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function ask(path, body, signal) {
  const post = { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": settings.token } };
  let reply;
  try {
    reply = await fetch(path, body ? { ...post, body: JSON.stringify(body), signal } : { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The server does not answer. Start `facesift review` again and open the address it prints.", 0);
  }
  if (reply.ok) return reply;
  const words = await reply.text();
  let said = words;
  try { said = JSON.parse(words).error; } catch { /* plain text */ }
  throw new Failure(said || `The server answers ${reply.status}.`, reply.status);
}

const say = (words) => { one("message").textContent = words; };
