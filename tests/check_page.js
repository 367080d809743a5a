// Works a page of `refocus report` as a reader would, and writes what happened into the document: tests/cli/report.sh.
addEventListener('load', () => setTimeout(() => {
  const seen = [];
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const check = (name, good) => seen.push(good ? 'seen ' + name : 'seen wrong: ' + name);
  const pictures = () => all('#attention canvas').map((canvas) => canvas.toDataURL()).join();
  // True if what `look` gives is other after `act`.
  const changes = (look, act) => {
    const before = look();
    act();
    return look() !== before;
  };
  const slide = (id, value) => {
    const input = document.getElementById(id);
    input.value = value;
    input.dispatchEvent(new Event('input', { bubbles: true }));
  };
  const key = (element, name) => element.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));

  const rows = all('#answer tbody tr');
  check('first screen', one('h1').textContent.length > 0 && rows.length > 1 && rows.slice(1).every((row) => {
    const text = (name) => row.querySelector(name) ? row.querySelector(name).textContent : '';
    return /[+-]?\d/.test(text('.figure')) && text('.verdict b').length > 0 && /MiB/.test(text('.memory-cost')) &&
      /ms\/step/.test(text('.time-cost')) && row.getBoundingClientRect().bottom <= innerHeight;
  }));
  check('pictures are not empty', pictures().length > 2000);
  const letters = Number(document.getElementById('character').max);
  check('character slider', letters === 0 || changes(pictures, () => slide('character', letters)));
  check('training slider', changes(pictures, () => slide('evaluation', 0)));
  check('other line', changes(pictures, () => all('.samples input')[1].click()));
  const cards = () => all('.look').filter((card) => !card.hidden).length;
  check('variant switch', changes(cards, () => one('#attention .toggles button').click()) &&
    one('#attention .toggles button').getAttribute('aria-pressed') === 'false');
  const chart = one('.chart[data-metric=loss]');
  const drawn = () => chart.querySelector('svg').innerHTML;
  check('log', changes(drawn, () => chart.querySelector('button').click()));
  check('row switch', changes(drawn, () => one('#curves .toggles button').click()));
  const read = () => chart.querySelector('output').textContent;
  check('curve read', changes(read, () => key(chart.querySelector('svg'), 'Home')) && /^step \d/.test(read()));
  const memory = () => one('#memory svg').innerHTML + one('#memory table').textContent;
  check('memory', one('#memory table tbody tr') !== null && changes(memory, () => all('#memory input')[0].click()) !==
    all('#memory input')[0].defaultChecked);
  const name = (element) => element.getAttribute('aria-label') || element.textContent ||
    (element.labels && element.labels[0] && element.labels[0].textContent);
  check('names', all('button, input, canvas, [role=img]').every((element) => name(element)));
  check('nothing is wider than the screen', document.documentElement.scrollWidth <= innerWidth);
  check('title', document.title !== 'owned');
  seen.push('seen end');
  const pre = document.createElement('pre');
  pre.id = 'seen';
  pre.textContent = '\n' + seen.join('\n') + '\n';
  document.body.append(pre);
}, 300));
