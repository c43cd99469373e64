// A plot of the last two minutes, drawn anew with each sample. Lines and text only, so that the style sheet colours it.

const SAMPLES = 120;
const SVG = "http://www.w3.org/2000/svg";

// A round number at or above n: 1, 2 or 5 times a power of ten.
function roundUp(n) {
  if (n <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 5, 10].find((step) => step * power >= n * 0.999) * power;
}

class Plot {
  // lines: [{ name, style, value(sample) }]
  constructor(box, lines, format, floor) {
    Object.assign(this, { box, lines, format, floor });
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("role", "img");
    this.keys = element("ul", { class: "keys" });
    this.values = lines.map((line) => {
      const value = element("b", {}, "–");
      this.keys.append(element("li", {}, element("i", { class: line.style }), line.name + " ", value));
      return value;
    });
    box.append(this.keys, this.svg);
    new ResizeObserver(() => this.draw(this.samples || [])).observe(box);
  }

  draw(samples) {
    this.samples = samples;
    const width = this.svg.clientWidth, height = this.svg.clientHeight;
    if (width === 0) return;
    const top = 18, bottom = height - 20;
    const all = samples.flatMap((sample) => this.lines.map((line) => line.value(sample))).filter((n) => n !== null);
    const high = roundUp(Math.max(this.floor, ...all));
    const x = (i) => width - (samples.length - 1 - i) * (width / (SAMPLES - 1));
    const y = (n) => bottom - (n / high) * (bottom - top);
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      parts.push(shape("path", { class: "grid", d: `M0 ${y(high * share)}H${width}` }));
      if (share > 0) parts.push(shape("text", { x: 0, y: y(high * share) - 4 }, this.format(high * share).replace(/\.0+(?=\D)/, "")));
    }
    parts.push(shape("text", { x: 0, y: height - 4 }, "2 min ago"));
    parts.push(shape("text", { x: width, y: height - 4, "text-anchor": "end" }, "now"));
    this.lines.forEach((line, number) => {
      const d = path(samples.map(line.value), x, y);
      if (d) parts.push(shape("path", { class: line.style, d }));
      const last = samples.length ? line.value(samples[samples.length - 1]) : null;
      setText(this.values[number], last === null ? "–" : this.format(last));
    });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const words = this.lines.map((line, i) => `${line.name} ${this.values[i].textContent}`);
    this.svg.setAttribute("aria-label", `The last two minutes; now: ${words.join(", ")}`);
    this.svg.replaceChildren(...parts);
  }
}

// A line with gaps where there is no value; a value between two gaps is a dot.
function path(values, x, y) {
  let d = "", open = false;
  values.forEach((value, i) => {
    if (value === null) { open = false; return; }
    const next = values[i + 1];
    const alone = !open && (next === null || next === undefined);
    d += `${open ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}${alone ? "h1.5" : ""}`;
    open = true;
  });
  return d;
}

function shape(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
