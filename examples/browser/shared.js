// What the example's pages share: requests to the server, states, the log and lists that stay at their end.

export const byId = (id) => document.getElementById(id);

export function post(path, body = {}) {
  const headers = { 'content-type': 'application/json' };
  return request(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

export function get(path) {
  return request(path, {});
}

async function request(path, init) {
  const reply = await fetch(path, init).catch(() => {
    throw new Error('the server does not answer; is it still running?');
  });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${path.split('?')[0]} was refused: ${errorText(text) || reply.status}`);
  return text ? JSON.parse(text) : {};
}

function errorText(text) {
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text;
  }
}

// ---- States and the log -----------------------------------------------------------------------------------

const GOOD = new Set(['connected', 'completed', 'complete', 'stable']);
const BAD = new Set(['failed', 'closed']);

export function showState(name, value) {
  const element = byId(`state-${name}`);
  element.textContent = value;
  element.dataset.tone = GOOD.has(value) ? 'good' : BAD.has(value) ? 'bad' : 'wait';
}

export function setStatus(text, tone) {
  byId('status').textContent = text;
  byId('status').dataset.tone = tone;
}

export function note(text, tone = '') {
  const now = new Date();
  const item = document.createElement('li');
  const time = document.createElement('time');
  const words = document.createElement('span');
  time.dateTime = now.toISOString();
  time.textContent = `${now.toTimeString().slice(0, 8)}.${String(now.getMilliseconds()).padStart(3, '0')}`;
  words.textContent = text;
  item.dataset.tone = tone;
  item.append(time, words);
  append(byId('log'), item, 300);
}

/** Appends to a list and drops its oldest entries beyond `most`. */
export function append(list, item, most) {
  list.append(item);
  while (list.childElementCount > most) list.firstElementChild.remove();
  if (!scrolledUp.has(list)) list.scrollTop = list.scrollHeight;
}

// Lists stay at their end, also when their size changes, unless someone has scrolled up.
const scrolledUp = new Set();
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) if (!scrolledUp.has(target)) target.scrollTop = target.scrollHeight;
});
for (const list of document.querySelectorAll('.scroll')) {
  resized.observe(list);
  list.addEventListener('wheel', () => followEnd(list), { passive: true });
  for (const name of ['touchmove', 'keyup', 'pointerup']) list.addEventListener(name, () => followEnd(list));
}

function followEnd(list) {
  setTimeout(() => {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    if (atEnd) scrolledUp.delete(list);
    else scrolledUp.add(list);
  }, 100);
}
