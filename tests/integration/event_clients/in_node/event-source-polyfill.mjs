import { EventSourcePolyfill } from "event-source-polyfill";
import { listen } from "./told.mjs";

listen(new EventSourcePolyfill(process.argv[2]));
