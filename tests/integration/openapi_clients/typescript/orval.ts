// With the functions of orval, which take what `fetch` takes besides.

import * as api from "./generated/orval";
import { type Answer, eventTypes, main } from "./scenario";

function answer<T>(given: { status: number; data: unknown }): Answer<T> {
  const failed = given.status >= 400;
  return {
    status: given.status,
    value: failed ? undefined : (given.data as T),
    code: failed ? (given.data as api.Problem).code : undefined,
  };
}

main((address, key) => {
  const call = globalThis.fetch;
  // The functions ask at the host that their page is from.
  globalThis.fetch = (path, options) => call(`${address}${path}`, options);
  const headers = { Authorization: `Bearer ${key}` };
  return {
    place: async (order, key) =>
      answer(await api.placeOrder(order, { headers: key ? { ...headers, "Idempotency-Key": key } : headers })),
    read: async (orderId) => answer(await api.getOrder(orderId, { headers })),
    list: async (user_id, limit, cursor) => answer(await api.listOrders({ user_id, limit, cursor }, { headers })),
    cancel: async (orderId, ifMatch) =>
      answer(await api.cancelOrder(orderId, { headers: ifMatch ? { ...headers, "If-Match": ifMatch } : headers })),
    follow: async (orderId) => {
      // Its function would read the stream as JSON.
      const response = await fetch(api.getStreamOrderEventsUrl(orderId), { headers });
      return eventTypes(await response.text());
    },
  };
});
