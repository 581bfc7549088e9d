// Requests to this host's REST view, with the token where it asks for one.

const KEY = "roamd-token";

/** The host asks for a token, or for another one. */
export class TokenNeeded extends Error {}

/** An answer that is no success; the message says what the problem document does. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** The token that was given in this tab; null where none was. */
export function token() {
  return sessionStorage.getItem(KEY);
}

/** Keeps the token until the tab is closed. */
export function keepToken(text) {
  sessionStorage.setItem(KEY, text);
}

/** Forgets it. */
export function forgetToken() {
  sessionStorage.removeItem(KEY);
}

/** Asks for a path; the response is a success. */
export async function ask(path, { headers = {}, signal } = {}) {
  const kept = token();
  const authorization = kept === null ? {} : { Authorization: `Bearer ${kept}` };
  const response = await fetch(path, { headers: { ...headers, ...authorization }, cache: "no-store", signal });
  if (response.status === 401) throw new TokenNeeded();
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Refused(response.status, problem.detail ?? response.statusText);
  }
  return response;
}

/** The JSON at a path. */
export async function json(path) {
  return (await ask(path)).json();
}

/** The path of a VM's own answer, whatever its name is. */
export function pathOf(list, key) {
  return `/api/v1/${list}/${encodeURIComponent(key)}`;
}
