// With the client of @hey-api/openapi-ts, which follows streams by itself.

import { createClient, createConfig } from "./generated/hey_api/client";
import { cancelOrder, getOrder, listOrders, placeOrder, streamOrderEvents } from "./generated/hey_api";
import type { Problem, StreamedEvent } from "./generated/hey_api";
import { type Answer, main } from "./scenario";

function answer<T>(given: { data?: T; error?: Problem; response?: Response }): Answer<T> {
  return { status: given.response?.status ?? 0, value: given.data, code: given.error?.code };
}

main((baseUrl, key) => {
  const client = createClient(createConfig({ baseUrl, auth: key }));
  return {
    place: async (body, key) => answer(await placeOrder({ client, body, headers: key ? { "Idempotency-Key": key } : {} })),
    read: async (order_id) => answer(await getOrder({ client, path: { order_id } })),
    list: async (user_id, limit, cursor) => answer(await listOrders({ client, query: { user_id, limit, cursor } })),
    cancel: async (order_id, ifMatch) =>
      answer(await cancelOrder({ client, path: { order_id }, headers: ifMatch ? { "If-Match": ifMatch } : {} })),
    follow: async (order_id) => {
      const types: string[] = [];
      const { stream } = await streamOrderEvents({ client, path: { order_id }, sseMaxRetryAttempts: 1 });
      for await (const data of stream) {
        // What it gives is what stands in `data`, which it has read as JSON already.
        const event = data as unknown as Partial<StreamedEvent>;
        if (event.type !== undefined) types.push(event.type);
      }
      return types;
    },
  };
});
