import { EventSource } from "eventsource";
import { listen } from "./told.mjs";

listen(new EventSource(process.argv[2]));
