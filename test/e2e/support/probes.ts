/** What a test asks of the document in the browser. Text, since the project's own types know no document. */

/** Are there dots on the canvas over the picture? */
export const dotsFly = `(() => {
  const canvas = document.querySelector('canvas');
  if (canvas.width === 0 || canvas.height === 0) return false;
  return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
})()`;

/** Id of the box that has the focus, or of what else has it. */
export const focused = `document.activeElement.dataset.id ?? document.activeElement.id`;

export const outlineOfFocused = `getComputedStyle(document.activeElement).outlineStyle`;

export const ground = `getComputedStyle(document.body).backgroundColor`;

/** By how many pixels the page, and the picture in it, are wider than what is seen of them. */
export const sideways = `(() => {
  const scroller = document.querySelector('.scroller');
  return { page: document.documentElement.scrollWidth - innerWidth, picture: scroller.scrollWidth - scroller.clientWidth };
})()`;

export interface Work {
  readonly elements: number;
  readonly framesPerSecond: number;
  /** Milliseconds of each task that held the page up for more than 50. */
  readonly longTasks: readonly number[];
}

/** Watches the page for eight seconds. */
export const work = `(async () => {
  const longTasks = [];
  new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) longTasks.push(Math.round(duration)); }).observe({ type: 'longtask' });
  const began = performance.now();
  let frames = 0;
  while (performance.now() - began < 8000) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    frames += 1;
  }
  return { elements: document.querySelectorAll('*').length, framesPerSecond: Math.round(frames / 8), longTasks };
})()`;
