// How a page is drawn: once its data is there, and again whenever the address changes.
/** @import { Index, Redraw } from "../types.js" */
import { handOn } from "./choice.js";
import { load } from "./data.js";
import { byId, problem } from "./elements.js";
import { learn } from "./params.js";

/** What to do where the data cannot be had. */
const NEXT = "Publish again with: asv publish, and read it with: vggbench preview";

/**
 * Runs a page: `show` draws what `gather` found, now and whenever the address changes or redraw() is
 * called. Of several drawings at once the newest is shown. Says so on the page when its data cannot be
 * had. Returns redraw after the first drawing.
 * @template View
 * @param {(index: Index) => Promise<View>} gather
 * @param {(index: Index, view: View, redraw: Redraw) => void} show
 * @returns {Promise<Redraw>}
 */
export async function start(gather, show) {
  let drawing = 0;
  const redraw = async () => {
    drawing += 1;
    const mine = drawing;
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
      const why = error instanceof Error ? error.message : String(error);
      if (mine === drawing) problem(`${why}. ${NEXT}`);
      throw error;
    }
  };
  addEventListener("popstate", redraw);
  await redraw();
  return redraw;
}
