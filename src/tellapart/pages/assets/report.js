/** The report's moving parts. Everything that can be read is in the page already. */

import { begin } from "theme";
import { calibration } from "calibration";
import { confusion } from "confusion";
import { contents } from "contents";
import { curves } from "curves";
import { scrolling } from "scrolling";

const data = JSON.parse(document.getElementById("data").textContent);
if (data.curves) curves(data.curves, data.remarks);
if (data.calibration) calibration(data.calibration);
if (data.cells) confusion(data.cells, data.class_names, data.places, data.total);
contents();
scrolling();
begin(document.getElementById("theme"));
