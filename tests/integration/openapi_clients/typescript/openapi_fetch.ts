// With the types of openapi-typescript and the client openapi-fetch.

import createClient from "openapi-fetch";
import type { paths } from "./generated/openapi_fetch";
import { type Answer, eventTypes, main } from "./scenario";

function answer<T>(given: { data?: T; error?: { code: string }; response: Response }): Answer<T> {
  return { status: given.response.status, value: given.data, code: given.error?.code };
}

main((baseUrl, key) => {
  const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
  return {
    place: async (order, idempotencyKey) =>
      answer(
        await client.POST("/orders", { body: order, params: { header: { "Idempotency-Key": idempotencyKey } } }),
      ),
    read: async (order_id) => answer(await client.GET("/orders/{order_id}", { params: { path: { order_id } } })),
    list: async (user_id, limit, cursor) =>
      answer(await client.GET("/orders", { params: { query: { user_id, limit, cursor } } })),
    cancel: async (order_id, ifMatch) =>
      answer(
        await client.POST("/orders/{order_id}/cancel", {
          params: { path: { order_id }, header: { "If-Match": ifMatch } },
        }),
      ),
    follow: async (order_id) => {
      const followed = await client.GET("/orders/{order_id}/events", { params: { path: { order_id } }, parseAs: "text" });
      return eventTypes(followed.data ?? "");
    },
  };
});
