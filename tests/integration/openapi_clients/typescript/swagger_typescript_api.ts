// With the class of swagger-typescript-api.

import { Api, type HttpResponse, type Problem } from "./generated/swagger_typescript_api/api";
import { type Answer, eventTypes, main } from "./scenario";

async function answer<T>(given: Promise<HttpResponse<T, Problem | void>>): Promise<Answer<T>> {
  // A problem is thrown.
  const { ok, status, data, error } = await given.catch((refused: HttpResponse<T, Problem>) => refused);
  return ok ? { status, value: data } : { status, code: (error as Problem | undefined)?.code };
}

main((baseUrl, key) => {
  const api = new Api({ baseUrl, baseApiParams: { headers: { Authorization: `Bearer ${key}` } } });
  return {
    place: (order, key) => answer(api.orders.placeOrder(order, key ? { headers: { "Idempotency-Key": key } } : {})),
    read: (orderId) => answer(api.orders.getOrder(orderId, { format: "json" })),
    list: (user_id, limit, cursor) => answer(api.orders.listOrders({ user_id, limit, cursor })),
    cancel: (orderId, ifMatch) =>
      answer(api.orders.cancelOrder(orderId, { format: "json", headers: ifMatch ? { "If-Match": ifMatch } : {} })),
    follow: async (orderId) => eventTypes(await (await api.orders.streamOrderEvents(orderId)).text()),
  };
});
