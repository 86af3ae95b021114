// Which lines two texts have in common (longest common subsequence), as rows of a table with two columns.

/** Rows `{ left, right, same }`; a line that one side lacks is null there. Lines that differ stand opposite each other. */
export function diff(left, right) {
  const lengths = commonLengths(left, right);
  const rows = [];
  let [i, j] = [0, 0];
  let [removed, added] = [[], []];
  const flush = () => {
    for (let k = 0; k < Math.max(removed.length, added.length); k += 1) {
      rows.push({ left: removed[k] ?? null, right: added[k] ?? null, same: false });
    }
    [removed, added] = [[], []];
  };
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      flush();
      rows.push({ left: left[i], right: right[j], same: true });
      i += 1;
      j += 1;
    } else if (j === right.length || (i < left.length && lengths[i + 1][j] >= lengths[i][j + 1])) {
      removed.push(left[i]);
      i += 1;
    } else {
      added.push(right[j]);
      j += 1;
    }
  }
  flush();
  return rows;
}

/** How many lines `left` from i on and `right` from j on have in common. */
function commonLengths(left, right) {
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      lengths[i][j] = left[i] === right[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  return lengths;
}
