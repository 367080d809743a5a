// Curves: mean per row with a band over seeds, read by pointer or keys.

const CHART = { width: 360, height: 212, left: 44, right: 8, top: 10, bottom: 24 };
// What a reader looks at first; the others are folded away.
const FIRST = ['loss', 'loss_recognition', 'loss_focus', 'word_accuracy', 'char_accuracy', 'hit_rate', 'centre_error_px'];

function startCurves(section, curves) {
  section.hidden = false;
  const state = { shown: new Set(data.rows.keys()), charts: [] };
  const rows = [...data.rows.keys()].filter((row) => curves.some((curve) => curve.rows.some((r) => r.row === row)));
  const smooth = Math.max(...curves.map((curve) => curve.smooth));
  section.append(make('p', { class: 'quiet' }, 'Mean over seeds; the band is their range.' +
    (smooth > 1 ? ' Losses are means over ' + smooth + ' steps.' : '') +
    ' A chart with the focus is read with the arrow keys.'));
  section.append(toggles('Rows', rows, mark, (shown) => {
    state.shown = shown;
    state.charts.forEach((chart) => chart.draw());
  }));
  const groups = [...new Set(curves.map((curve) => curve.group))];
  for (const group of groups) addGroup(section, state, group, curves.filter((curve) => curve.group === group));
}

function addGroup(section, state, group, curves) {
  // A set that was evaluated once has nothing to draw: the table has it.
  const drawn = curves.filter((curve) => curve.rows.some((row) => row.step.length > 1));
  if (drawn.length === 0) return;
  const isFirst = (curve) => FIRST.includes(curve.metric) || curve.primary;
  const place = (curve) => (curve.primary ? -1 : FIRST.indexOf(curve.metric));
  const first = drawn.filter(isFirst).sort((a, b) => place(a) - place(b)), more = drawn.filter((curve) => !isFirst(curve));
  const add = (curve) => {
    const chart = makeChart(curve, state);
    state.charts.push(chart);
    return chart.figure;
  };
  section.append(make('h3', {}, group === 'training' ? 'Losses' : 'Evaluations on ' + group));
  section.append(make('div', { class: 'charts' }, ...first.map(add)));
  if (more.length)
    section.append(make('details', {}, make('summary', {}, more.length + ' more'),
      make('div', { class: 'charts' }, ...more.map(add))));
}

function extent(curve, rows, log) {
  let low = Infinity, high = -Infinity;
  const offer = (v) => {
    if (v === null || v === undefined || (log && v <= 0)) return;
    low = Math.min(low, v);
    high = Math.max(high, v);
  };
  for (const row of rows)
    for (const list of [row.mean, row.low || [], row.high || [], ...row.cells.map((c) => c.value)]) list.forEach(offer);
  if (!log && curve.chance !== null) offer(curve.chance);
  if (!isFinite(low)) return null;
  if (low === high) return log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
  return log ? [low, high] : [Math.min(low, low > 0 && low < 0.35 * high ? 0 : low), high + 0.04 * (high - low)];
}

function makeChart(curve, state) {
  const name = curve.metric + (curve.unit && !curve.metric.endsWith('_' + curve.unit) ? ', ' + curve.unit : '');
  const arrow = curve.group === 'training' ? '' : curve.direction > 0 ? ' ↑' : curve.direction < 0 ? ' ↓' : '';
  const chart = { curve, state, log: false, at: null };
  chart.button = make('button', { type: 'button', class: 'small', 'aria-pressed': 'false',
    'aria-label': 'logarithmic axis of ' + curve.metric }, 'log');
  chart.svg = draw('svg', { viewBox: '0 0 ' + CHART.width + ' ' + CHART.height, tabindex: '0', role: 'img' });
  chart.readout = make('output', { class: 'readout', 'aria-live': 'polite' });
  chart.figure = make('figure', { class: 'chart', 'data-metric': curve.metric, 'data-group': curve.group },
    make('figcaption', {}, make('span', {}, name + arrow), chart.button), chart.svg, chart.readout);
  chart.button.addEventListener('click', () => {
    chart.log = !chart.log;
    chart.button.setAttribute('aria-pressed', String(chart.log));
    chart.draw();
  });
  chart.draw = () => drawChart(chart);
  listenChart(chart);
  chart.draw();
  return chart;
}

function stepsOf(rows) {
  return [...new Set(rows.flatMap((row) => row.step.concat(...row.cells.map((c) => c.step))))].sort((a, b) => a - b);
}

function drawChart(chart) {
  const { curve, svg, log } = chart;
  const rows = curve.rows.filter((row) => chart.state.shown.has(row.row));
  const range = extent(curve, rows, log);
  svg.replaceChildren();
  svg.setAttribute('aria-label', curve.metric + ' over training steps, ' + rows.map((r) => labelOf(r.row)).join(', '));
  chart.steps = stepsOf(rows);
  chart.rows = rows;
  if (range === null || chart.steps.length === 0) {
    chart.x = null;
    svg.append(draw('text', { x: CHART.left, y: CHART.height / 2 }, log ? 'nothing positive to show' : 'nothing to show'));
    chart.readout.replaceChildren();
    return;
  }
  const [low, high] = range, last = chart.steps[chart.steps.length - 1], first = Math.min(chart.steps[0], 0);
  const f = log ? Math.log : (v) => v;
  chart.x = (s) => CHART.left + (s - first) / (last - first || 1) * (CHART.width - CHART.left - CHART.right);
  chart.y = (v) => CHART.top + (f(high) - f(v)) / (f(high) - f(low)) * (CHART.height - CHART.top - CHART.bottom);
  drawAxes(chart, low, high, first, last);
  for (const row of rows) drawRow(chart, row);
  chart.marks = draw('g');
  svg.append(chart.marks);
  readChart(chart);
}

function drawAxes(chart, low, high, first, last) {
  const { svg, x, y } = chart, right = CHART.width - CHART.right;
  for (const tick of chart.log ? logTicks(low, high) : ticks(low, high, 5)) {
    svg.append(draw('path', { class: 'grid', d: 'M' + CHART.left + ' ' + y(tick).toFixed(1) + 'H' + right }));
    svg.append(draw('text', { x: CHART.left - 6, y: y(tick) + 4, 'text-anchor': 'end' }, String(+tick.toPrecision(4))));
  }
  for (const tick of ticks(first, last, 5))
    svg.append(draw('text', { x: x(tick), y: CHART.height - 7, 'text-anchor': tick === last ? 'end' : 'middle' },
      String(tick)));
  const chance = chart.curve.chance;
  if (chance === null || (chart.log && chance <= 0) || chance < low || chance > high) return;
  svg.append(draw('path', { class: 'chance', d: 'M' + CHART.left + ' ' + y(chance).toFixed(1) + 'H' + right }));
  svg.append(draw('text', { x: right, y: y(chance) - 4, 'text-anchor': 'end' }, 'uniform attention'));
}

// 'M x y L x y ...', broken where there is no value.
function pathOf(chart, steps, values) {
  let path = '', pen = 'M';
  steps.forEach((step, i) => {
    const v = values[i];
    if (v === null || (chart.log && v <= 0)) {
      pen = 'M';
      return;
    }
    path += pen + chart.x(step).toFixed(1) + ' ' + chart.y(v).toFixed(1);
    pen = 'L';
  });
  return path;
}

function bandOf(chart, row) {
  const good = row.step.map((s, i) => i).filter((i) => row.low[i] !== null && !(chart.log && row.low[i] <= 0));
  const point = (i, v) => chart.x(row.step[i]).toFixed(1) + ' ' + chart.y(v).toFixed(1);
  if (good.length < 2) return '';
  return 'M' + good.map((i) => point(i, row.high[i])).join('L') + 'L' +
    good.reverse().map((i) => point(i, row.low[i])).join('L') + 'Z';
}

// Values with none beside them, which no line shows: a mark and the range over seeds, rows side by side.
function drawAlone(chart, row) {
  const shown = (i) => i >= 0 && i < row.mean.length && row.mean[i] !== null && !(chart.log && row.mean[i] <= 0);
  const aside = 7 * (chart.rows.indexOf(row) - chart.rows.length + 1);
  row.step.forEach((step, i) => {
    if (!shown(i) || shown(i - 1) || shown(i + 1)) return;
    const x = Math.max(chart.x(step) + aside, CHART.left + 4).toFixed(1);
    if (row.low && !(chart.log && row.low[i] <= 0))
      chart.svg.append(draw('path', { class: 'line ' + seriesOf(row.row),
        d: 'M' + x + ' ' + chart.y(row.low[i]).toFixed(1) + 'V' + chart.y(row.high[i]).toFixed(1) }));
    chart.svg.append(draw('circle', { class: 'dot ' + seriesOf(row.row), r: 3.4, cx: x,
      cy: chart.y(row.mean[i]).toFixed(1) }));
  });
}

function drawRow(chart, row) {
  const series = seriesOf(row.row);
  if (row.low) chart.svg.append(draw('path', { class: 'band ' + series, d: bandOf(chart, row) }));
  chart.svg.append(draw('path', { class: 'line ' + series, 'stroke-dasharray': dashOf(row.row) || null,
    d: pathOf(chart, row.step, row.mean) }));
  drawAlone(chart, row);
  for (const cell of row.cells)
    chart.svg.append(draw('path', { class: 'lost ' + series, d: pathOf(chart, cell.step, cell.value) },
      draw('title', {}, cell.cell + ', not finished')));
}

// What stands below a chart: the values at the cursor, or the last ones.
function readChart(chart) {
  const step = chart.at !== null ? chart.at : chart.steps[chart.steps.length - 1];
  chart.marks.replaceChildren();
  chart.readout.replaceChildren(make('span', {}, 'step ' + step));
  if (chart.at !== null)
    chart.marks.append(draw('path', { class: 'cursor',
      d: 'M' + chart.x(step).toFixed(1) + ' ' + CHART.top + 'V' + (CHART.height - CHART.bottom) }));
  for (const row of chart.rows) {
    const i = row.step.indexOf(step);
    const v = i >= 0 ? row.mean[i] : null;
    if (v === null) continue;
    if (chart.at !== null && !(chart.log && v <= 0))
      chart.marks.append(draw('circle', { class: 'dot ' + seriesOf(row.row), r: 3.4, cx: chart.x(step), cy: chart.y(v) }));
    chart.readout.append(make('span', {}, swatch(row.row), labelOf(row.row) + ' ' + number(v) +
      (row.low ? ' [' + number(row.low[i]) + ', ' + number(row.high[i]) + ']' : '')));
  }
}

function nearest(list, value) {
  return list.reduce((best, s) => (Math.abs(s - value) < Math.abs(best - value) ? s : best), list[0]);
}

function listenChart(chart) {
  const go = (step) => {
    chart.at = step;
    if (chart.x) readChart(chart);
  };
  chart.svg.addEventListener('pointermove', (event) => {
    if (!chart.x) return;
    const box = chart.svg.getBoundingClientRect(), px = (event.clientX - box.left) / box.width * CHART.width;
    const first = chart.x(0), unit = chart.x(1) - first;
    go(nearest(chart.steps, (px - first) / unit));
  });
  chart.svg.addEventListener('pointerleave', () => go(null));
  chart.svg.addEventListener('blur', () => go(null));
  chart.svg.addEventListener('keydown', (event) => {
    if (!chart.x) return;
    const i = chart.at === null ? chart.steps.length - 1 : chart.steps.indexOf(chart.at), end = chart.steps.length - 1;
    const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: end, PageUp: i - 10, PageDown: i + 10 }[event.key];
    if (event.key === 'Escape') go(null);
    if (to === undefined) return;
    event.preventDefault();
    go(chart.steps[Math.max(0, Math.min(end, to))]);
  });
}
