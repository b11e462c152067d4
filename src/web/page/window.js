// A long list of equally high rows, of which only those in sight are in the document.

const MARGIN = 10; // rows drawn above and below what is in sight

/**
 * Draws rows of `body` inside of `scroller`. `row(index)` makes one, `height()` is that of each, in
 * pixels; `seen(first, last)` is told which are drawn.
 */
export function rowWindow(scroller, body, { row, height, seen = () => {} }) {
  let count = 0;
  let drawn = '';
  let planned = false;

  function draw() {
    planned = false;
    const each = height();
    const above = Math.max(0, scroller.scrollTop - body.offsetTop);
    const first = Math.min(count, Math.max(0, Math.floor(above / each) - MARGIN));
    const last = Math.min(count, Math.ceil((above + scroller.clientHeight) / each) + MARGIN);
    const now = `${first} ${last} ${count} ${each}`;
    if (now === drawn) return;
    drawn = now;
    body.style.height = `${count * each}px`;
    body.style.paddingTop = `${first * each}px`;
    const rows = [];
    for (let index = first; index < last; index += 1) rows.push(row(index));
    body.replaceChildren(...rows);
    seen(first, last);
  }

  function plan() {
    if (planned) return;
    planned = true;
    requestAnimationFrame(draw);
  }

  function redraw() {
    drawn = '';
    plan();
  }

  scroller.addEventListener('scroll', plan, { passive: true });
  new ResizeObserver(redraw).observe(scroller);

  return {
    redraw,
    resize(rows) {
      count = rows;
      plan();
    },
    /** Brings a row into sight. */
    reveal(index) {
      const each = height();
      const top = index * each;
      const head = body.offsetTop;
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      else if (head + top + each > scroller.scrollTop + scroller.clientHeight) {
        scroller.scrollTop = head + top + each - scroller.clientHeight;
      }
      plan();
    },
    /** Rows in sight, for Page Up and Page Down. */
    rows: () => Math.max(1, Math.floor((scroller.clientHeight - body.offsetTop) / height())),
  };
}
