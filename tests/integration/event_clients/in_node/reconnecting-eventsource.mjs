import { EventSource } from "eventsource";
import { createRequire } from "node:module";
import { listen } from "./told.mjs";

const { default: ReconnectingEventSource } = createRequire(import.meta.url)("reconnecting-eventsource");

listen(new ReconnectingEventSource(process.argv[2], { eventSourceClass: EventSource }));
