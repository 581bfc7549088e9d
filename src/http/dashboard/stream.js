// The event stream, followed for ever: a connection that is lost is made again and goes on where it was.
//
// By fetch and not by EventSource, which can't send a token.

import { ask, TokenNeeded } from "./api.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** A stream that says nothing for so long, not even that it is alive, is dead. */
const SILENCE_MS = 40_000;

/**
 * Follows the stream and tells `hear`: `event(name, data)` of each event, `live()` and `lost(error)` of the connection,
 * `tokenNeeded()` where it ends for want of a token. Begins behind the event `after`.
 */
export async function follow(hear, after) {
  let last = after;
  let pause = FIRST_PAUSE_MS;
  for (;;) {
    try {
      await once(last, {
        ...hear,
        id: (id) => { last = id; },
        live: () => { pause = FIRST_PAUSE_MS; hear.live(); },
      });
      hear.lost(null);
    } catch (error) {
      if (error instanceof TokenNeeded) {
        hear.tokenNeeded();
        return;
      }
      hear.lost(error);
    }
    await new Promise((resume) => setTimeout(resume, pause * (0.75 + Math.random() / 2)));
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/** One connection, to its end. */
async function once(last, hear) {
  const abort = new AbortController();
  let silence = setTimeout(() => abort.abort(), SILENCE_MS);
  try {
    const response = await ask("/api/v1/events/stream", {
      headers: { Accept: "text/event-stream", "Last-Event-ID": String(last) },
      signal: abort.signal,
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    hear.live();
    const frames = new Frames(hear);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENCE_MS);
      frames.take(value);
    }
  } finally {
    clearTimeout(silence);
    abort.abort();
  }
}

/** Frames of text/event-stream out of the pieces in which they come. */
class Frames {
  constructor(hear) {
    this.hear = hear;
    this.rest = "";
  }

  take(piece) {
    const frames = (this.rest + piece).split("\n\n");
    this.rest = frames.pop();
    for (const frame of frames) this.frame(frame);
  }

  frame(text) {
    let name = "message";
    let id = null;
    const data = [];
    for (const line of text.split("\n")) {
      const colon = line.indexOf(":");
      if (colon <= 0) continue;
      const value = line.slice(colon + 1).replace(/^ /, "");
      const field = line.slice(0, colon);
      if (field === "event") name = value;
      else if (field === "id") id = Number(value);
      else if (field === "data") data.push(value);
    }
    if (data.length === 0) return;
    this.hear.event(name, JSON.parse(data.join("\n")));
    // Only now: an event that could not be taken is asked for again.
    if (id !== null) this.hear.id(id);
  }
}
