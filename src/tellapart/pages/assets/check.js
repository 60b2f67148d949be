/** The page of a check: colors, contents and wide tables. All text and pictures are in the page already. */

import { begin } from "theme";
import { contents } from "contents";
import { scrolling } from "scrolling";

contents();
scrolling();
begin(document.getElementById("theme"));
