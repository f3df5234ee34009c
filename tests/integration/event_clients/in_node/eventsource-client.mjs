import { createEventSource } from "eventsource-client";
import { tell } from "./told.mjs";

createEventSource({
  url: process.argv[2],
  onMessage: message => tell(message.event ?? "message", message.id ?? "", message.data),
});
