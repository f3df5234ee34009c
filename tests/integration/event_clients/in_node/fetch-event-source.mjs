import { fetchEventSource } from "@microsoft/fetch-event-source";
import { tell } from "./told.mjs";

// It is made for browsers.
globalThis.window = globalThis;

await fetchEventSource(process.argv[2], {
  fetch,
  openWhenHidden: true,
  onmessage: message => tell(message.event || "message", message.id, message.data),
  // It connects again after an error only: a stream that has ended whole is one, as its documentation has it.
  onclose: () => {
    throw new Error("the stream has ended");
  },
});
