// The panels. Whatever a client has named goes into the page as text nodes and attributes, never as markup.

const byId = (id) => document.getElementById(id);

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Puts new children in only when something has changed, so that a selection and the focus stay.
const shown = new WeakMap();

function fill(box, ...children) {
  const next = element("div", {}, ...children).innerHTML; // to compare, not to put in
  if (shown.get(box) === next) return;
  shown.set(box, next);
  box.replaceChildren(...children);
  for (const each of box.querySelectorAll("[data-paint]")) {
    each.style.background = each.dataset.paint;
    each.style.flexGrow = each.dataset.grow;
  }
  for (const each of box.querySelectorAll("[data-part]")) {
    each.style.setProperty("--part", each.dataset.part + "%");
    each.style.setProperty("--fill", `var(--${each.dataset.fill})`);
  }
}

const facts = (pairs) => pairs.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
const strong = (text) => element("strong", {}, text);

function bar(name, part, fillName, text) {
  const line = element("i", { "data-part": part.toFixed(1), "data-fill": fillName });
  return element("div", {}, element("span", {}, name), line, element("span", {}, text));
}

function showTiles(state, rates) {
  const tile = (name, value, more) => element("div", {}, element("dt", {}, name), element("dd", {}, value, element("small", {}, more)));
  const { connections } = state;
  fill(
    byId("tiles"),
    tile("In", bytes(rates.bytesIn) + "/s", `${count(Math.round(rates.recordsIn))} records/s`),
    tile("Out", bytes(rates.bytesOut) + "/s", `${count(Math.round(rates.recordsOut))} records/s`),
    tile("Kept", bytes(state.totals.size_bytes), `${bytes(state.disk_usable_bytes)} of the disk free`),
    tile("Connections", count(connections.open), `${count(connections.accepted)} since the start`),
    tile("Memory", bytes(state.resident_bytes), `${plural(state.threads, "thread", "threads")}`),
    tile("Processor", percent(rates.cpu, 1), "of one core"),
  );
}

// What batching saves: over the last seconds, or since the start when nothing came in them.
function showBatches(state, recent) {
  const isNow = recent.produce && recent.records > 0;
  const spent = isNow ? recent : { produce: apiBetween(null, state, "Produce"), records: state.totals.records_in, batches: state.totals.batches_in };
  const finding = byId("batches");
  if (!spent.produce || spent.produce.requests === 0 || spent.records === 0) {
    fill(finding, "Nothing was produced yet.");
    fill(byId("batches-bars"));
    fill(byId("batches-facts"));
    return;
  }
  const { requests, calls } = spent.produce;
  const perRequest = spent.records / requests, callsEach = calls / requests;
  const when = isNow ? "In the last seconds, " : "Since the start, ";
  if (perRequest < 1.05) {
    fill(finding, when, strong("each record came in a request of its own"), `, which took ${digits(callsEach)} system calls. A producer with linger.ms above 0 packs them together.`);
  } else {
    fill(finding, when, strong(`1 request instead of ${count(Math.round(perRequest))}`), `: so many records came with each, in ${digits(callsEach)} system calls instead of ${count(Math.round(perRequest * callsEach))}.`);
  }
  const share = 100 / perRequest;
  fill(byId("batches-bars"), bar("requests", share, "in", count(requests)), bar("one by one", 100, "out", count(spent.records)));
  fill(byId("batches-facts"), ...facts([
    ["records in a batch", digits(spent.records / Math.max(1, spent.batches))],
    ["batches in a request", digits(spent.batches / requests)],
    ["bytes in all", bytes(state.totals.bytes_in)],
  ]));
}

function showCopy(state) {
  const { sendfile, copy } = state.sent;
  const sent = sendfile + copy;
  if (sent === 0) {
    fill(byId("copy"), "Nothing was fetched yet.");
    fill(byId("copy-bars"));
    fill(byId("copy-facts"));
    return;
  }
  const fetches = apiBetween(null, state, "Fetch");
  const saying = copy > sendfile
    ? [strong(`${bytes(copy)} were copied`), " through the broker’s memory, since fetch.path=copy."]
    : [strong(`${percent(sendfile, sent)} of what was fetched`), " went from the page cache to the sockets uncopied."];
  fill(byId("copy"), ...saying);
  fill(byId("copy-bars"), bar("by sendfile", (100 * sendfile) / sent, "cached", bytes(sendfile)), bar("copied", (100 * copy) / sent, "out", bytes(copy)));
  fill(byId("copy-facts"), ...facts([
    ["fetches", count(fetches ? fetches.requests : 0)],
    ["records", "about " + count(state.totals.records_out)],
    ["bytes a fetch", bytes(fetches && fetches.requests ? sent / fetches.requests : 0)],
  ]));
}

const shade = (cached, dirty) =>
  cached === 0 ? "var(--cold)" : `color-mix(in srgb, color-mix(in srgb, var(--dirty) ${Math.round((100 * dirty) / cached)}%, var(--cached)) ${cached}%, var(--cold))`;

// A segment as a block, painted piece by piece with what of it is in the page cache.
function block(segment, largest) {
  const pieces = segment.cached || [];
  const stops = pieces.map((cached, i) => {
    const [from, to] = [(100 * i) / pieces.length, (100 * (i + 1)) / pieces.length];
    return `${shade(cached, segment.dirty[i])} ${from.toFixed(1)}% ${to.toFixed(1)}%`;
  });
  const words = segment.cached ? `${percent(segment.cached_bytes, segment.size)} in the page cache` : "not looked at yet";
  const attributes = { title: `from offset ${count(segment.base)}: ${bytes(segment.size)}, ${words}` };
  attributes["data-paint"] = stops.length ? `linear-gradient(90deg, ${stops.join(", ")})` : "";
  attributes["data-grow"] = (segment.size / Math.max(1, largest)).toFixed(3);
  return element("i", attributes);
}

function partitionRow(partition, number) {
  if (!partition) return element("div", { class: "row" }, element("span", {}, String(number)), element("span", {}, "offline until the broker starts again"), element("span", {}));
  const { segments } = partition;
  const largest = Math.max(...segments.map((each) => each.size));
  const older = partition.segment_count - segments.length;
  const known = segments.filter((each) => each.cached);
  const cached = known.reduce((sum, each) => sum + each.cached_bytes, 0), size = known.reduce((sum, each) => sum + each.size, 0);
  const words = `partition ${number}: ${plural(partition.segment_count, "segment", "segments")}, offsets ${partition.log_start} to ${partition.log_end}, ${percent(cached, size)} in the page cache`;
  const strip = element("div", { class: "strip", role: "img", "aria-label": words });
  if (older > 0) strip.append(element("em", { title: plural(older, "older segment", "older segments") }, `+${count(older)}`));
  strip.append(...segments.map((each) => block(each, largest)));
  const end = element("span", { title: `offsets ${partition.log_start} to ${partition.log_end}` }, element("span", { class: "less" }, "offset "), partition.log_end.toLocaleString("en"));
  return element("div", { class: "row" }, element("span", {}, String(number)), strip, end);
}

function showTopics(state) {
  const box = byId("topics");
  if (state.topics.length === 0) {
    const command = `echo hello | kcat -P -b ${state.bootstrap} -t demo`;
    fill(box, element("p", { class: "empty" }, "No topics yet. Make one: ", element("code", {}, command)));
    return;
  }
  const topics = state.topics.map((topic) => {
    const { total: sums } = topic;
    const kept = `${plural(topic.partition_count, "partition", "partitions")} · ${bytes(sums.size_bytes)} in ${plural(sums.segments, "segment", "segments")}`;
    const title = element("p", {}, element("h3", { class: "mono" }, topic.name), element("span", {}, kept));
    if (topic.internal) title.append(element("span", {}, "the broker’s own: what groups have committed"));
    const rows = topic.partitions.map(partitionRow);
    const more = topic.partition_count - topic.partitions.length;
    if (more > 0) rows.push(element("p", { class: "note" }, `and ${plural(more, "partition", "partitions")} more`));
    return element("div", { class: "topic" }, title, ...rows);
  });
  if (state.topics_more > 0) topics.push(element("p", { class: "note" }, `and ${plural(state.topics_more, "smaller topic", "smaller topics")}`));
  fill(box, ...topics);
}

function showFlushes(state, recent) {
  const { flushes, bucket_ends_ns: ends } = state;
  const all = total(flushes.buckets);
  if (all === 0) {
    fill(byId("flush"), "None yet. A producer that asks for acks=all is answered when a flush has put its records on the disk.");
    fill(byId("flush-facts"));
    return;
  }
  const shared = flushes.waits / all;
  fill(byId("flush"), strong(plural(all, "flush", "flushes")), shared > 1.05
    ? ` served ${plural(flushes.waits, "request", "requests")} that waited: one for every ${digits(shared)}.`
    : " put records on the disk; each served whoever waited when it began.");
  const buckets = total(recent) > 0 ? recent : flushes.buckets;
  fill(byId("flush-facts"), ...facts([
    ["half took less than", duration(quantile(buckets, ends, 0.5))],
    ["99 of 100 less than", duration(quantile(buckets, ends, 0.99))],
    ["time spent in all", duration(flushes.sum_ns)],
  ]));
}

function showGroups(state) {
  const box = byId("groups");
  if (state.groups.length === 0) {
    const command = `kcat -b ${state.bootstrap} -G readers demo`;
    fill(box, element("p", { class: "empty" }, "No groups yet. Start one: ", element("code", {}, command)));
    return;
  }
  const groups = state.groups.map((group) => {
    const rebalances = `generation ${group.generation}`;
    const title = element("p", {},
      element("h3", { class: "mono" }, group.id), element("span", { class: "state" }, group.state),
      element("span", {}, plural(group.member_count, "member", "members")), element("span", {}, rebalances),
      element("span", {}, `lag ${plural(group.lag, "record", "records")}`));
    const parts = [title];
    const lagging = group.lags.filter((each) => each.records > 0);
    if (lagging.length > 0) {
      const line = element("p", { class: "lags" }, "behind on ");
      lagging.forEach((each, i) => line.append(i ? ", " : "", `${each.topic}-${each.partition} by `, element("b", {}, count(each.records))));
      if (group.lag_count > group.lags.length) line.append(", …");
      parts.push(line);
    }
    if (group.members.length > 0) {
      const names = group.members.map((member) => `${member.client_id} (${member.host.replace(/^\//, "")})`);
      parts.push(element("p", { class: "lags" }, names.join(", ") + (group.member_count > names.length ? ", …" : "")));
    }
    return element("div", { class: "group" }, ...parts);
  });
  if (state.groups_more > 0) groups.push(element("p", { class: "note" }, `and ${plural(state.groups_more, "more group", "more groups")}`));
  groups.push(element("p", { class: "note" }, `${plural(state.rebalances, "rebalance", "rebalances")} since the start`));
  fill(box, ...groups);
}

function showRequests(state, earlier, seconds) {
  const rows = state.apis.map((each) => {
    const recent = apiBetween(earlier, state, each.name);
    const buckets = recent.requests > 0 ? recent.buckets : each.buckets;
    const requests = total(each.buckets);
    const ends = state.bucket_ends_ns;
    const cells = [count(requests), digits(earlier ? recent.requests / seconds : 0), duration(quantile(buckets, ends, 0.5)), duration(quantile(buckets, ends, 0.99)), digits(each.calls / requests)];
    return element("tr", {}, element("th", { scope: "row" }, each.name), ...cells.map((cell, i) => element("td", i ? {} : { class: "less" }, cell)),
      element("td", {}, count(each.errors)));
  });
  if (rows.length === 0) rows.push(element("tr", {}, element("td", { colspan: "7", class: "empty" }, "No requests yet.")));
  fill(byId("requests"), ...rows);
}
