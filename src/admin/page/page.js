// Asks for the state once a second while somebody looks, and keeps the last two minutes of it.

const EVERY_MS = 1000;
// What "the last seconds" are.
const RECENT = 10;

const states = [];
const samples = [];
let timer = null, asking = false;

const throughput = new Plot(byId("plot-throughput"), [
  { name: "in", style: "c0", value: (sample) => sample.bytesIn },
  { name: "out", style: "c1", value: (sample) => sample.bytesOut },
], (n) => bytes(n) + "/s", 1000);

const latency = new Plot(byId("plot-latency"), [
  { name: "produce p50", style: "c0", value: (sample) => sample.produce[0] },
  { name: "produce p99", style: "c0 thin", value: (sample) => sample.produce[1] },
  { name: "fetch p50", style: "c1", value: (sample) => sample.fetch[0] },
  { name: "fetch p99", style: "c1 thin", value: (sample) => sample.fetch[1] },
], duration, 100000);

function sampleOf(before, after) {
  const seconds = (after.uptime_ms - before.uptime_ms) / 1000;
  const per = (name) => rise(before.totals[name], after.totals[name]) / seconds;
  const quantiles = (name) => {
    const done = apiBetween(before, after, name);
    return [0.5, 0.99].map((share) => (done ? quantile(done.buckets, after.bucket_ends_ns, share) : null));
  };
  return {
    bytesIn: per("bytes_in"), recordsIn: per("records_in"), bytesOut: per("bytes_out"), recordsOut: per("records_out"),
    cpu: rise(before.cpu_ns, after.cpu_ns) / 1e9 / seconds, produce: quantiles("Produce"), fetch: quantiles("Fetch"),
  };
}

const QUIET = { bytesIn: 0, recordsIn: 0, bytesOut: 0, recordsOut: 0, cpu: 0 };

function show(state) {
  const before = states[states.length - 1];
  if (before && state.uptime_ms < before.uptime_ms) states.length = samples.length = 0; // another life of the broker
  else if (before && state.uptime_ms === before.uptime_ms) return; // somebody else looks, too
  else if (before) samples.push(sampleOf(before, state));
  states.push(state);
  if (samples.length > SAMPLES) samples.shift();
  if (states.length > RECENT + 1) states.shift();
  const earlier = states.length > 1 ? states[0] : null;
  const recent = {
    produce: earlier && apiBetween(earlier, state, "Produce"),
    records: earlier ? rise(earlier.totals.records_in, state.totals.records_in) : 0,
    batches: earlier ? rise(earlier.totals.batches_in, state.totals.batches_in) : 0,
  };
  showTiles(state, samples[samples.length - 1] || QUIET);
  throughput.draw(samples);
  latency.draw(samples);
  showBatches(state, recent);
  showCopy(state);
  showTopics(state);
  showFlushes(state, earlier ? between(earlier.flushes.buckets, state.flushes.buckets) : []);
  showGroups(state);
  showRequests(state, earlier, earlier ? (state.uptime_ms - earlier.uptime_ms) / 1000 : 1);
  setText(byId("foot"), `sendlog ${state.version} · clients connect to ${state.bootstrap}`);
  setStatus("live", `up ${uptime(state.uptime_ms)}`);
}

function setStatus(kind, words) {
  byId("status").dataset.state = kind;
  setText(byId("status"), words);
}

async function ask() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch("/state", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    show(await answer.json());
  } catch {
    setStatus("lost", "no answer, asking again");
  }
  asking = false;
  if (!document.hidden) timer = setTimeout(ask, EVERY_MS);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (document.hidden) {
    setStatus("wait", "paused");
    states.length = 0; // what happens meanwhile belongs to no second
  } else {
    ask();
  }
});
if (!document.hidden) ask();
