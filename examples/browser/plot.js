// Line plots on a canvas, in the colours of the style sheet.

/** Draws lines of {at, value} over [from, to]; a null value is drawn as a mark at the bottom. */
export function plot(canvas, lines, from, to, label, left, right) {
  const scale = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const style = getComputedStyle(canvas);
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const bottom = height - 20;
  const top = niceCeiling(Math.max(1, ...lines.flatMap(({ points }) => points.map(({ value }) => value ?? 0))));
  const x = (at) => ((at - from) / (to - from)) * width;
  const y = (value) => bottom - (value / top) * (bottom - 18);
  context.font = `12px ${style.fontFamily}`;
  context.lineJoin = 'round';
  context.strokeStyle = style.getPropertyValue('--grid');
  context.lineWidth = 1;
  for (const part of [0, 0.5, 1]) {
    const line = Math.round(y(top * part)) + 0.5;
    context.beginPath();
    context.moveTo(0, line);
    context.lineTo(width, line);
    context.stroke();
  }
  for (const { color, points } of lines) drawLine(context, style, color, points, x, y, bottom);
  const write = (text, at, line) => {
    context.strokeText(text, at, line);
    context.fillText(text, at, line);
  };
  context.fillStyle = style.getPropertyValue('--soft');
  context.strokeStyle = style.getPropertyValue('--card');
  context.lineWidth = 4;
  for (const part of [0.5, 1]) write(label(top * part), 0, y(top * part) - 4);
  write(left, 0, height - 4);
  context.textAlign = 'right';
  write(right, width, height - 4);
  context.textAlign = 'left';
}

function drawLine(context, style, color, points, x, y, bottom) {
  context.strokeStyle = style.getPropertyValue(color);
  context.lineWidth = 1.75;
  context.beginPath();
  let drawing = false;
  for (const { at, value } of points) {
    if (value !== null && drawing) context.lineTo(x(at), y(value));
    if (value !== null && !drawing) context.moveTo(x(at), y(value));
    drawing = value !== null;
  }
  context.stroke();
  context.fillStyle = style.getPropertyValue('--bad');
  for (const { at, value } of points) if (value === null) context.fillRect(x(at) - 1, bottom - 8, 2, 8);
}

/** The next of 1, 2, 4, 10, 20, 40, ... */
function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 10].find((step) => step * power >= value) * power;
}
