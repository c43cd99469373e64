"use strict";
// Numbers with their units, and what happened between two states of the broker.

const BYTES = ["B", "kB", "MB", "GB", "TB", "PB"];

// Three digits, or as many as a whole number needs: 0.42, 7.25, 81.4, 512.
function digits(n) {
  if (n < 0.001) return "0";
  return n >= 100 ? Math.round(n).toLocaleString("en") : n.toPrecision(n < 1 ? 2 : 3);
}

function scaled(n, units, step) {
  let unit = 0;
  while (n >= step * 0.9995 && unit < units.length - 1) { n /= step; unit += 1; }
  return (unit === 0 && n >= 10 ? Math.round(n).toString() : digits(n)) + "\u00a0" + units[unit];
}

const bytes = (n) => scaled(n, BYTES, 1000);
const count = (n) => (n < 10 && n % 1 ? digits(n) : n < 1e6 ? Math.round(n).toLocaleString("en") : scaled(n, ["", "thousand", "million", "billion", "trillion"], 1000));
const percent = (part, whole) => (whole > 0 ? digits((part / whole) * 100) : "0") + "\u00a0%";

function duration(ns) {
  if (ns === null || ns === undefined) return "–";
  return ns < 1e9 ? scaled(ns / 1e3, ["µs", "ms"], 1000) : digits(ns / 1e9) + "\u00a0s";
}

function uptime(ms) {
  const minutes = Math.floor(ms / 60000), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(ms / 1000)} s`;
}

const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;

// Counters only rise, unless what they belong to was deleted.
const rise = (before, after) => Math.max(0, after - before);
const total = (buckets) => buckets.reduce((sum, n) => sum + n, 0);
const between = (before, after) => after.map((n, i) => rise(before ? before[i] : 0, n));

// The duration that a share of those in the buckets stayed below: within its bucket worked out in proportion.
function quantile(buckets, ends, share) {
  const wanted = total(buckets) * share;
  if (wanted === 0) return null;
  let below = 0;
  for (let i = 0; i < buckets.length; i++) {
    if (below + buckets[i] >= wanted) {
      const low = i === 0 ? 0 : ends[i - 1];
      return i < ends.length ? low + ((ends[i] - low) * (wanted - below)) / buckets[i] : low;
    }
    below += buckets[i];
  }
  return null;
}

const api = (state, name) => state.apis.find((each) => each.name === name);

// What one API has done between two states.
function apiBetween(before, after, name) {
  const now = api(after, name);
  if (!now) return null;
  const was = before && api(before, name);
  const buckets = between(was && was.buckets, now.buckets);
  return { requests: total(buckets), buckets, calls: rise(was ? was.calls : 0, now.calls) };
}
