"use strict";
// Requests to the server, and the state that all scripts of the page share.

const settings = JSON.parse(document.querySelector("meta[name=settings]").content);
const element = (id) => document.getElementById(id);

let current = null; // the image on the screen, as the server described it
let last = null; // what an undo would take back
let visible = false; // whether the picture is on the screen
let busy = false;
let pending = null; // an answer that is not saved yet

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
    throw new Failure("The server does not answer. Start `facesift review` again and open the address that it prints.", 0);
  }
  if (reply.ok) return reply;
  const text = await reply.text();
  let message = text;
  try { message = JSON.parse(text).error; } catch { /* plain text */ }
  throw new Failure(message || `The server answers ${reply.status}.`, reply.status);
}

const showMessage = (text) => { element("message").textContent = text; };
