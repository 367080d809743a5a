// Attention: the image under a veil that is thin where a row looks, and below it every decoding step as a line.

const ZOOM = 4, LINE = 15, MARGIN = 26;

function startAttention(section, attention) {
  section.hidden = false;
  const state = { attention, sample: 0, t: 0, step: 0, shown: new Set(attention.rows.map((row) => row.row)) };
  const steps = [...new Set(attention.rows.flatMap((row) => row.step))].sort((a, b) => a - b);
  state.steps = steps;
  state.step = steps[steps.length - 1];
  const left = attention.recorded - attention.samples.length;
  section.append(make('p', { class: 'quiet' },
    'Recorded lines of the validation set. Above, the image is clear where the network looks while it reads one ' +
    'character, veiled where it does not. Box: where the character is. Line and triangle: the centre of attention, ' +
    'hollow outside the box. Below, every character in turn: what lies in its outlined box was found. Choose a line of it.' +
    (left > 0 ? ' ' + left + ' more lines are in the results file.' : '') +
    (attention.left_out > 0 ? ' ' + attention.left_out + ' rows recorded other lines and are left out.' : '')));
  section.append(sampleChoice(state));
  section.append(sliders(state));
  if (attention.rows.length > 1)
    section.append(toggles('Variants', attention.rows.map((row) => row.row), swatch, (shown) => {
      state.shown = shown;
      showAttention(state);
    }));
  state.cards = attention.rows.map((row) => makeLook(state, row));
  section.append(make('div', { class: 'looks' }, ...state.cards.map((card) => card.figure)));
  redraws.push(() => showAttention(state));
  loadImages(state).then(() => showAttention(state));
}

function loadImages(state) {
  return Promise.all(state.attention.samples.map((sample) => {
    sample.picture = new Image();
    sample.picture.src = sample.image;
    return sample.picture.decode();
  }));
}

function sampleChoice(state) {
  const items = state.attention.samples.map((sample, i) => ({ value: String(i), picture: true,
    name: 'line ' + sample.id + ': ' + sample.text, content: make('img', { src: sample.image, alt: '' }) }));
  return choice('Line', 'sample', items, '0', (value) => {
    state.sample = Number(value);
    state.t = 0;
    showAttention(state);
  }, 'samples');
}

function sliders(state) {
  const box = make('div', { class: 'controls' });
  const slider = (id, title, changed) => {
    const input = make('input', { type: 'range', id, min: 0, step: 1, oninput: () => {
      changed(Number(input.value));
      showAttention(state);
    } });
    const output = make('output', { for: id });
    box.append(make('label', { class: 'slide' }, make('span', {}, title), input), output);
    return { input, output };
  };
  state.character = slider('character', 'Character', (value) => { state.t = value; });
  state.evaluation = slider('evaluation', 'Training', (value) => { state.step = state.steps[value]; });
  return box;
}

function makeLook(state, row) {
  const card = { row };
  card.overlay = make('canvas', { role: 'img', class: 'overlay' });
  card.matrix = make('canvas', { role: 'img', class: 'matrix', onclick: (event) => {
    const box = card.matrix.getBoundingClientRect(), n = state.attention.samples[state.sample].letters.length;
    state.t = Math.max(0, Math.min(n - 1, Math.floor((event.clientY - box.top) / box.height * n)));
    showAttention(state);
  } });
  card.reading = make('p', { class: 'reading' });
  card.what = make('p', { class: 'what' });
  card.step = make('span', { class: 'quiet' });
  card.figure = make('figure', { class: 'look ' + seriesOf(row.row), 'data-row': row.row },
    make('figcaption', {}, make('span', {}, swatch(row.row), labelOf(row.row)), card.step),
    card.overlay, card.reading, card.what, card.matrix);
  return card;
}

// The last evaluation of a row that is not after the step; its first where there is none.
function evaluationAt(row, step) {
  let found = 0;
  row.step.forEach((s, i) => { if (s <= step) found = i; });
  return found;
}

function decode(looked, size) {
  if (!looked.bytes) looked.bytes = Uint8Array.from(atob(looked.maps), (c) => c.charCodeAt(0));
  return (t) => looked.bytes.subarray(t * size, (t + 1) * size);
}

function showAttention(state) {
  const sample = state.attention.samples[state.sample], n = sample.letters.length;
  state.t = Math.min(state.t, n - 1);
  const { character, evaluation } = state;
  fill(character.input, { max: n - 1 }, []);
  character.input.value = state.t;
  character.output.textContent = (state.t + 1) + ' of ' + n + ': “' + sample.letters[state.t] + '”';
  character.input.setAttribute('aria-valuetext', character.output.textContent);
  fill(evaluation.input, { max: state.steps.length - 1 }, []);
  evaluation.input.value = state.steps.indexOf(state.step);
  evaluation.output.textContent = 'after step ' + state.step;
  evaluation.input.setAttribute('aria-valuetext', evaluation.output.textContent);
  const ground = colour('--panel'), heat = colour('--heat'), ink = colour('--ink'), quiet = colour('--quiet');
  const paint = { ground, heat, ink: css(ink), quiet: css(quiet), good: css(colour('--good')), bad: css(colour('--bad')),
    scale: scaleOf(state) };
  for (const card of state.cards) {
    card.figure.hidden = !state.shown.has(card.row.row);
    if (!card.figure.hidden) showLook(state, card, sample, paint);
  }
}

const css = (c) => 'rgb(' + c.join(' ') + ')';

// One scale for all that is shown: the highest attention of any step.
function scaleOf(state) {
  let most = 0;
  for (const card of state.cards)
    for (const step of card.row.looked[evaluationAt(card.row, state.step)][state.sample].steps)
      most = Math.max(most, step[1] || 0);
  return most || 1;
}

function showLook(state, card, sample, paint) {
  const { row } = card, e = evaluationAt(row, state.step), looked = row.looked[e][state.sample];
  const [read, , cx, , error, hit] = looked.steps[state.t];
  card.step.textContent = 'seed ' + row.seed + ', step ' + row.step[e];
  card.reading.replaceChildren('reads ');
  const letters = [...looked.reading];
  for (let t = 0; t < Math.max(letters.length, sample.letters.length); t++) {
    const right = letters[t] === sample.letters[t];
    card.reading.append(make('span', { class: (right ? '' : 'wrong') + (t === state.t ? ' now' : '') || null },
      letters[t] || '·'));
  }
  const where = error === null ? (cx === null ? 'no centre' : 'no true box') :
    'centre ' + number(error, 1) + ' px from the middle of its box, ' + (hit ? 'inside' : 'outside');
  card.what.textContent = '“' + sample.letters[state.t] + '” read as ' + (read ? '“' + read + '”' : 'nothing') + '; ' + where;
  card.overlay.setAttribute('aria-label', labelOf(row.row) + ': ' + card.what.textContent);
  card.matrix.setAttribute('aria-label', labelOf(row.row) + ': attention of all ' + sample.letters.length + ' characters');
  drawOverlay(state, card, sample, looked, paint);
  drawMatrix(state, card, sample, looked, paint);
}

// The extent of a map in the image: its outer cells reach half a cell beyond their centres.
function extentOf(centres, size) {
  if (centres.length < 2) return [0, size];
  const half = (centres[1] - centres[0]) / 2;
  return [centres[0] - half, centres[centres.length - 1] + half];
}

function canvasOf(canvas, width, height) {
  canvas.width = width * 2;
  canvas.height = height * 2;
  const context = canvas.getContext('2d');
  context.setTransform(2, 0, 0, 2, 0, 0);
  return context;
}

// A small canvas with one pixel per cell: pixel(i) gives [r, g, b, a].
function tiny(w, h, pixel) {
  const canvas = make('canvas', { width: w, height: h }), context = canvas.getContext('2d');
  const image = context.createImageData(w, h);
  for (let i = 0; i < w * h; i++) image.data.set(pixel(i), 4 * i);
  context.putImageData(image, 0, 0);
  return canvas;
}

function drawOverlay(state, card, sample, looked, paint) {
  const { h, w } = state.attention, { row } = card, map = decode(looked, row.h * row.w)(state.t);
  const [, peak, cx, cy, , hit] = looked.steps[state.t], bars = 26;
  const c = canvasOf(card.overlay, w * ZOOM, h * ZOOM + bars + 12);
  const [x0, x1] = extentOf(row.x, w), [y0, y1] = extentOf(row.y, h);
  const share = (i) => map[i] / 255 * peak / paint.scale;
  const veil = tiny(row.w, row.h, (i) => [...paint.ground, 225 * (1 - Math.min(1, 1.4 * share(i)))]);
  c.imageSmoothingEnabled = true;
  c.drawImage(sample.picture, 0, 0, w * ZOOM, h * ZOOM);
  c.save();
  c.beginPath();
  c.rect(0, 0, w * ZOOM, h * ZOOM);
  c.clip();
  c.drawImage(veil, x0 * ZOOM, y0 * ZOOM, (x1 - x0) * ZOOM, (y1 - y0) * ZOOM);
  c.restore();
  drawBars(c, row, map, peak / paint.scale, [x0, x1], h * ZOOM + 4 + bars, bars, paint);
  drawBox(c, sample.boxes[state.t], paint);
  if (cx === null) return;
  c.strokeStyle = c.fillStyle = hit ? paint.good : paint.bad;
  drawCentre(c, cx * ZOOM, h * ZOOM + bars + 4, hit);
  if (row.h > 1) {
    c.beginPath();
    c.arc(cx * ZOOM, cy * ZOOM, 5, 0, 7);
    c.stroke();
  }
}

function drawBox(c, box, paint) {
  if (!box) return;
  for (const [style, width] of [[css(paint.ground), 3.6], [paint.ink, 1.6]]) {
    c.strokeStyle = style;
    c.lineWidth = width;
    c.strokeRect(box[0] * ZOOM, box[1] * ZOOM, (box[2] - box[0]) * ZOOM, (box[3] - box[1]) * ZOOM);
  }
}

// A line through the image and a triangle below it: full in the box, hollow outside.
function drawCentre(c, x, y, hit) {
  c.lineWidth = 1.8;
  c.beginPath();
  c.moveTo(x, 0);
  c.lineTo(x, y);
  c.stroke();
  c.beginPath();
  c.moveTo(x, y);
  c.lineTo(x - 6, y + 7.5);
  c.lineTo(x + 6, y + 7.5);
  c.closePath();
  if (hit) c.fill();
  c.stroke();
}

// Attention along the line: of each column, summed over rows of the map.
function columnsOf(row, map) {
  return row.x.map((x, i) => {
    let sum = 0;
    for (let y = 0; y < row.h; y++) sum += map[y * row.w + i];
    return sum / 255;
  });
}

function drawBars(c, row, map, scale, [x0, x1], base, height, paint) {
  const width = (x1 - x0) / row.w * ZOOM;
  c.fillStyle = css(paint.heat);
  columnsOf(row, map).forEach((v, i) => {
    const tall = Math.min(1, v * scale) * height;
    c.fillRect(x0 * ZOOM + i * width + 0.5, base - tall, Math.max(1, width - 1), tall);
  });
  c.fillStyle = paint.quiet;
  c.fillRect(0, base, row.w * width, 0.6);
}

function drawMatrix(state, card, sample, looked, paint) {
  const { row } = card, n = sample.letters.length, wide = state.attention.w * ZOOM, maps = decode(looked, row.h * row.w);
  const c = canvasOf(card.matrix, wide, n * LINE);
  const inner = (wide - 2 * MARGIN) / state.attention.w, [x0, x1] = extentOf(row.x, state.attention.w);
  c.font = '12px ui-monospace, "DejaVu Sans Mono", monospace';
  c.textBaseline = 'middle';
  c.textAlign = 'center';
  for (let t = 0; t < n; t++) {
    const [read, peak] = looked.steps[t], top = t * LINE, columns = columnsOf(row, maps(t));
    const strip = tiny(row.w, 1, (i) => {
      const v = Math.min(1, columns[i] * peak / paint.scale);
      return [...paint.heat, 255 * Math.pow(v, 0.75)];
    });
    c.imageSmoothingEnabled = false;
    c.drawImage(strip, MARGIN + x0 * inner, top + 1, (x1 - x0) * inner, LINE - 2);
    const box = sample.boxes[t];
    c.lineWidth = t === state.t ? 1.8 : 0.9;
    c.strokeStyle = t === state.t ? paint.ink : paint.quiet;
    if (box) c.strokeRect(MARGIN + box[0] * inner, top + 1.5, (box[2] - box[0]) * inner, LINE - 3);
    c.fillStyle = t === state.t ? paint.ink : paint.quiet;
    c.fillText(sample.letters[t], MARGIN / 2 - 2, top + LINE / 2 + 0.5);
    c.fillText(read || '·', wide - MARGIN / 2 + 2, top + LINE / 2 + 0.5);
    if (t === state.t) c.fillRect(0, top + 2, 2.5, LINE - 4);
  }
}
