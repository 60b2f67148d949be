/** The report's interactive parts. All text and tables are in the page already. */

import { begin } from "theme";
import { calibration } from "calibration";
import { confusion } from "confusion";
import { contents } from "contents";
import { curves } from "curves";
import { scrolling } from "scrolling";

const data = JSON.parse(document.getElementById("data").textContent);
if (data.curves) curves(data.curves, data.remarks, data.score);
if (data.calibration) calibration(data.calibration);
if (data.cells) confusion(data.cells, data.class_names, data.positions, data.total);
contents();
scrolling();
begin(document.getElementById("theme"));
