// How a page is drawn: once its data is there, and again whenever the address changes.
import { handOn } from "./choice.js";
import { load } from "./data.js";
import { byId, problem } from "./elements.js";
import { learn } from "./params.js";

// Runs a page: `show(index, view, redraw)` draws what `gather(index)` found, now and whenever the
// address changes or redraw() is called. Of several drawings at once the newest is shown. Says so on
// the page when its data cannot be had. Returns redraw after the first drawing.
export async function start(gather, show) {
  let drawing = 0;
  const redraw = async () => {
    const mine = ++drawing;
    try {
      const [index, params] = await Promise.all([load("index"), load("params")]);
      learn(params);
      const view = await gather(index);
      if (mine !== drawing) return;
      byId("problem").replaceChildren();
      handOn();
      show(index, view, redraw);
      // For who waits until all is drawn: tests, and the script that measures how long it takes.
      performance.mark("drawn");
      const { dataset } = document.documentElement;
      dataset.drawn = String(Number(dataset.drawn ?? 0) + 1);
    } catch (error) {
      if (mine === drawing) {
        const next = "Publish again with: asv publish, and read it with: vggbench preview";
        problem(`${error.message}. ${next}`);
      }
      throw error;
    }
  };
  addEventListener("popstate", redraw);
  await redraw();
  return redraw;
}
