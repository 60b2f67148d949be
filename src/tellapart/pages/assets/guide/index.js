/** The guide's first page. */

import { begin } from "lesson";

begin();
