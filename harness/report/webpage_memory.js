// Memory: what is live at each node of a training step, by role, and the tensors at the peak.

const AREA = { width: 640, height: 270, left: 64, right: 8, top: 14, bottom: 24 };

function startMemory(section, memory) {
  section.hidden = false;
  const state = { memory, chosen: memory[0], at: null, roles: rolesOf(memory) };
  // The row that needs most tells most.
  for (const row of memory) if (row.planned > state.chosen.planned) state.chosen = row;
  section.append(make('p', { class: 'quiet' },
    'Bytes that are live while each node of the plan runs, in order. The plan is made before anything runs; its peak is ' +
    'what the cell takes. One scale for all rows.'));
  if (memory.length > 1)
    section.append(choice('Row', 'memory', memory.map((row, i) => ({ value: String(i),
      content: [swatch(row.row), labelOf(row.row) + ' ', make('span', { class: 'why' }, bytes(row.planned))],
      name: labelOf(row.row) + ', ' + bytes(row.planned) })), String(memory.indexOf(state.chosen)), (value) => {
      state.chosen = memory[Number(value)];
      state.at = null;
      showMemory(state);
    }));
  state.svg = draw('svg', { viewBox: '0 0 ' + AREA.width + ' ' + AREA.height, tabindex: '0', role: 'img' });
  state.readout = make('output', { class: 'readout', 'aria-live': 'polite' });
  state.keys = make('p', { class: 'keys' });
  state.side = make('div', { class: 'wide', tabindex: '0', role: 'group', 'aria-label': 'Tensors at the peak' });
  section.append(make('div', { class: 'memory' },
    make('figure', { class: 'chart' }, state.keys, state.svg, state.readout), state.side));
  listenMemory(state);
  showMemory(state);
}

// Roles of all rows, largest at any peak first, so that a colour means the same everywhere.
function rolesOf(memory) {
  const most = new Map();
  for (const row of memory)
    for (const role of row.roles) most.set(role.name, Math.max(most.get(role.name) || 0, role.peak));
  const last = (name) => (name === GAPS ? 1 : 0);
  return [...most.keys()].sort((a, b) => last(a) - last(b) || most.get(b) - most.get(a) || (a < b ? -1 : 1));
}

// Gaps of the arena are no bytes that anybody uses: drawn last, and faintly.
const GAPS = 'gaps';
const roleSeries = (state, name) => (name === GAPS ? 'gaps' : 's' + ((state.roles.indexOf(name) + 1) % 7));

function showMemory(state) {
  const { svg, chosen } = state, n = chosen.at.length;
  const top = Math.max(...state.memory.map((row) => Math.max(row.planned, ...row.bytes)), 1) * 1.04;
  state.x = (i) => AREA.left + (n > 1 ? i / (n - 1) : 0.5) * (AREA.width - AREA.left - AREA.right);
  state.y = (v) => AREA.top + (1 - v / top) * (AREA.height - AREA.top - AREA.bottom);
  svg.replaceChildren();
  svg.setAttribute('aria-label', 'Memory over the nodes of ' + chosen.cell + ': peak ' + bytes(chosen.planned) + ' at ' +
    chosen.peak_node);
  const unit = Math.pow(1024, Math.max(0, Math.floor(Math.log2(top) / 10)));
  for (const tick of ticks(0, top / unit, 5)) {
    svg.append(draw('path', { class: 'grid', d: 'M' + AREA.left + ' ' + state.y(tick * unit).toFixed(1) + 'H' +
      (AREA.width - AREA.right) }));
    svg.append(draw('text', { x: AREA.left - 6, y: state.y(tick * unit) + 4, 'text-anchor': 'end' }, bytes(tick * unit)));
  }
  drawAreas(state);
  drawPeak(state);
  state.marks = draw('g');
  svg.append(state.marks);
  showTensors(state);
  readMemory(state);
}

function drawAreas(state) {
  const { chosen, svg } = state, n = chosen.at.length;
  const roles = chosen.roles.filter((role) => role.bytes.length === n);
  let base = new Array(n).fill(0);
  roles.sort((a, b) => state.roles.indexOf(a.name) - state.roles.indexOf(b.name));
  if (roles.length === 0) roles.push({ name: 'all', bytes: chosen.bytes });
  state.keys.replaceChildren();
  for (const role of roles) {
    const next = base.map((v, i) => v + role.bytes[i]);
    const point = (v, i) => state.x(i).toFixed(1) + ' ' + state.y(v).toFixed(1);
    const floor = base.map(point).reverse();
    svg.append(draw('path', { class: 'area ' + roleSeries(state, role.name),
      d: 'M' + next.map(point).join('L') + 'L' + floor.join('L') + 'Z' }, draw('title', {}, role.name)));
    state.keys.append(make('span', {}, make('span', { class: 'swatch ' + roleSeries(state, role.name) }), role.name));
    base = next;
  }
}

function drawPeak(state) {
  const { chosen, svg } = state, y = state.y(chosen.planned);
  svg.append(draw('path', { class: 'peak', d: 'M' + AREA.left + ' ' + y.toFixed(1) + 'H' + (AREA.width - AREA.right) }));
  const far = chosen.at.indexOf(chosen.peak) > chosen.at.length / 2;
  svg.append(draw('text', { x: far ? AREA.left + 6 : AREA.width - AREA.right, y: y - 4, 'text-anchor': far ? 'start' : 'end' },
    'planned peak ' + bytes(chosen.planned)));
}

function readMemory(state) {
  const { chosen } = state, i = state.at === null ? chosen.at.indexOf(chosen.peak) : state.at;
  state.marks.replaceChildren();
  state.readout.replaceChildren();
  if (i < 0) return;
  if (state.at !== null)
    state.marks.append(draw('path', { class: 'cursor',
      d: 'M' + state.x(i).toFixed(1) + ' ' + AREA.top + 'V' + (AREA.height - AREA.bottom) }));
  state.readout.append(make('span', {}, (state.at === null ? 'peak at node ' : 'node ') + (chosen.at[i] + 1) + ' of ' +
    chosen.nodes + ', '), make('code', {}, chosen.node[i]), ': ' + bytes(chosen.bytes[i]));
  const measured = chosen.measured >= 0 ? '; measured while it ran ' + bytes(chosen.measured) +
    (chosen.measured === chosen.planned ? ', equal to the byte' : '') : '';
  if (state.at === null)
    state.readout.append(make('br'), 'lower bound ' + bytes(chosen.lower) + measured);
}

function showTensors(state) {
  const { chosen } = state, body = make('tbody');
  const line = (name, role, size) => make('tr', {}, make('th', { scope: 'row' }, name), make('td', { class: 'words' }, role),
    make('td', {}, bytes(size)));
  for (const tensor of chosen.tensors)
    body.append(line(make('code', {}, tensor.name), tensor.role, tensor.bytes));
  if (chosen.more > 0) body.append(line(chosen.more + ' more', '', chosen.more_bytes));
  state.side.replaceChildren(make('table', {}, make('caption', {}, 'Live at the peak of ' + labelOf(chosen.row)),
    make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, 'tensor'), make('th', { scope: 'col', class: 'words' }, 'role'),
      make('th', { scope: 'col' }, 'size'))), body));
}

function listenMemory(state) {
  const go = (i) => {
    state.at = i;
    readMemory(state);
  };
  state.svg.addEventListener('pointermove', (event) => {
    const box = state.svg.getBoundingClientRect(), px = (event.clientX - box.left) / box.width * AREA.width;
    const share = (px - AREA.left) / (AREA.width - AREA.left - AREA.right), n = state.chosen.at.length;
    go(Math.max(0, Math.min(n - 1, Math.round(share * (n - 1)))));
  });
  state.svg.addEventListener('pointerleave', () => go(null));
  state.svg.addEventListener('blur', () => go(null));
  state.svg.addEventListener('keydown', (event) => {
    const end = state.chosen.at.length - 1, i = state.at === null ? state.chosen.at.indexOf(state.chosen.peak) : state.at;
    const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: end, PageUp: i - 10, PageDown: i + 10 }[event.key];
    if (event.key === 'Escape') go(null);
    if (to === undefined) return;
    event.preventDefault();
    go(Math.max(0, Math.min(end, to)));
  });
}
