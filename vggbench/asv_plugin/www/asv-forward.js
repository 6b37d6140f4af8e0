"use strict";

/* asv's pages were index.html once: addresses of them still lead there. */
if (/^#(\/|(summarylist|regressions|graphdisplay|\w+(\.\w+)+)(\?|$))/.test(location.hash)) {
  location.replace(`asv.html${location.hash}`);
}
