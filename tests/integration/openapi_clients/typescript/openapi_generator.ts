// With the classes of OpenAPI Generator, typescript-fetch.

import { Configuration, EventsApi, OrdersApi, ResponseError, type Order } from "./generated/openapi_generator";
import type { ApiResponse } from "./generated/openapi_generator";
import { type Answer, eventTypes, type Kept, main } from "./scenario";

function kept(order: Order): Kept {
  return {
    order_id: order.orderId,
    item_ids: order.itemIds,
    total_amount: order.totalAmount,
    attributes: order.attributes,
    status: order.status,
    version: order.version,
  };
}

async function answer<T, U>(asked: Promise<ApiResponse<T>>, form: (value: T) => U): Promise<Answer<U>> {
  try {
    const response = await asked;
    return { status: response.raw.status, value: form(await response.value()) };
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error;
    return { status: error.response.status, code: ((await error.response.json()) as { code: string }).code };
  }
}

main((basePath, accessToken) => {
  const configuration = new Configuration({ basePath, accessToken });
  const orders = new OrdersApi(configuration);
  const events = new EventsApi(configuration);
  return {
    place: (order, idempotencyKey) => {
      const orderPlacement = {
        orderId: order.order_id,
        userId: order.user_id,
        itemIds: order.item_ids,
        totalAmount: order.total_amount,
        currency: order.currency,
        attributes: order.attributes,
      };
      return answer(orders.placeOrderRaw({ orderPlacement, idempotencyKey }), (made) => ({ order_id: made.orderId }));
    },
    read: (orderId) => answer(orders.getOrderRaw({ orderId }), kept),
    list: (userId, limit, cursor) =>
      answer(orders.listOrdersRaw({ userId, limit, cursor }), (page) => ({ orders: page.orders.map(kept), next: page.next ?? null })),
    cancel: (orderId, ifMatch) => answer(orders.cancelOrderRaw({ orderId, ifMatch }), kept),
    follow: async (orderId) => eventTypes((await events.streamOrderEvents({ orderId })) ?? ""),
  };
});
