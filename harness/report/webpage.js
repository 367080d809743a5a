// The page of `refocus report`. Everything that needs no script stands in the HTML; here is what moves. The data are
// the JSON of element #data; text of the files reaches the document as text nodes and attributes only.
// webpage_attention.js, webpage_curves.js and webpage_memory.js follow, then a call of start().

const data = JSON.parse(document.getElementById('data').textContent);
const SVG = 'http://www.w3.org/2000/svg';
// A second sign beside the colour, for eyes and printers that see no difference.
const DASHES = ['', '6 3', '14 3', '2 2.5', '9 3 2 3', '4 2', '6 2 1 2'];

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  return element;
}
const make = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const seriesOf = (row) => 's' + (data.rows[row].series % 7);
const dashOf = (row) => DASHES[data.rows[row].series % DASHES.length];
const labelOf = (row) => data.rows[row].label;
const swatch = (row) => make('span', { class: 'swatch ' + seriesOf(row) });

// A row's line as charts draw it.
const mark = (row) => draw('svg', { class: 'mark ' + seriesOf(row), viewBox: '0 0 26 8', 'aria-hidden': 'true' },
  draw('path', { d: 'M0 4H26', 'stroke-dasharray': dashOf(row) || null }));

function number(value, digits) {
  if (value === null || value === undefined || !isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  const decimals = digits !== undefined ? digits : size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(decimals).replace('-', '−');
}

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return (unit === 0 ? String(value) : value.toFixed(1)) + ' ' + units[unit];
}

// Round numbers, at most about `most`, from low to high.
function ticks(low, high, most) {
  const rough = (high - low) / most, power = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

// Powers of ten, with 2 and 5 between where there are few, and even steps within a part of one.
function logTicks(low, high) {
  const found = [];
  const few = Math.log10(high / low) < 2.2;
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const m of few ? [1, 2, 5] : [1]) {
      const tick = m * Math.pow(10, power);
      if (tick >= low && tick <= high) found.push(tick);
    }
  return found.length < 3 ? ticks(low, high, 5) : found;
}

// One of several: radio buttons that look like the page. items: [{value, label or node, name}].
function choice(title, name, items, chosen, picked, kind) {
  const set = make('fieldset', { class: kind || null }, make('legend', {}, title));
  for (const item of items)
    set.append(make('label', { class: 'choice' + (item.picture ? ' picture' : '') },
      make('input', { type: 'radio', name: name, value: item.value, checked: item.value === chosen,
        'aria-label': item.name || null, onchange: () => picked(item.value) }),
      make('span', {}, ...[].concat(item.content))));
  return set;
}

// A button per row that shows or hides it; at least one stays.
function toggles(title, rows, sign, changed) {
  const shown = new Set(rows);
  const set = make('fieldset', { class: 'toggles' }, make('legend', {}, title));
  for (const row of rows) {
    const button = make('button', { type: 'button', 'aria-pressed': 'true' }, sign(row), labelOf(row));
    button.addEventListener('click', () => {
      if (shown.has(row) && shown.size > 1) shown.delete(row);
      else shown.add(row);
      button.setAttribute('aria-pressed', String(shown.has(row)));
      changed(shown);
    });
    set.append(button);
  }
  return set;
}

// The colour of a CSS variable, as [r, g, b].
function colour(name) {
  const probe = make('span', { style: 'color: var(' + name + ')', hidden: true });
  document.body.append(probe);
  const found = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  probe.remove();
  return found;
}

const redraws = []; // what depends on the colours
function start() {
  if (data.attention) startAttention(document.getElementById('attention'), data.attention);
  if (data.curves.length) startCurves(document.getElementById('curves'), data.curves);
  if (data.memory.length) startMemory(document.getElementById('memory'), data.memory);
  const redraw = () => redraws.forEach((f) => f());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  matchMedia('print').addEventListener('change', redraw);
}
