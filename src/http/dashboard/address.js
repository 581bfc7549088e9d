// Addresses and prefixes of both families, for the search: is one inside the other?

/** `{bits, length, value}` of an address or a prefix, the value as a BigInt; null where the text is neither. */
export function parse(text) {
  const [address, length, more] = text.trim().split("/");
  if (more !== undefined) return null;
  const parsed = address.includes(":") ? parse6(address) : parse4(address);
  if (parsed === null || length === undefined) return parsed && { ...parsed, length: parsed.bits };
  const number = /^\d{1,3}$/.test(length) ? Number(length) : Infinity;
  return number <= parsed.bits ? { ...parsed, length: number } : null;
}

/** Whether one of the two holds the other. */
export function overlap(one, other) {
  if (one.bits !== other.bits) return false;
  const rest = BigInt(one.bits - Math.min(one.length, other.length));
  return one.value >> rest === other.value >> rest;
}

function parse4(text) {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return null;
  return { bits: 32, value: parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n) };
}

function parse6(text) {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = [halves[0], halves[1] ?? ""].map((half) => (half === "" ? [] : half.split(":")));
  const zeros = 8 - head.length - tail.length;
  if (halves.length === 2 ? zeros < 1 : zeros !== 0) return null;
  const groups = [...head, ...Array(zeros).fill("0"), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return { bits: 128, value: groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) };
}
