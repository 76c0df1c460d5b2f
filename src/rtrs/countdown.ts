/** Calls `done` once after `count` calls of the returned function (at once when `count` is 0). */
export function countdown(count: number, done: () => void): () => void {
  let left = count;
  if (left === 0) done();
  return () => {
    left--;
    if (left === 0) done();
  };
}
