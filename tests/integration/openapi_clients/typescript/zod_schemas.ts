// With the schemas that orval makes for zod: an order as it is placed, and as it is read.

import { getOrderResponse, listOrdersResponse, placeOrderBody } from "./generated/orval_zod";

declare const process: { argv: string[]; exitCode?: number };

async function main(): Promise<void> {
  const [address = "", key = "", orders = "[]"] = process.argv.slice(2);
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  for (const order of JSON.parse(orders)) {
    const body = JSON.stringify(placeOrderBody.parse(order));
    const placed = await fetch(`${address}/orders`, { method: "POST", headers, body });
    const read = await fetch(`${address}${placed.headers.get("Location")}`, { headers });
    getOrderResponse.parse(await read.json());
    for (const wrong of [{ currency: "GBPX" }, { user_id: " " }, { order_id: "a/b" }, { total_amount: "ten" }]) {
      if (placeOrderBody.safeParse({ ...order, ...wrong }).success) throw new Error(JSON.stringify(wrong));
    }
  }
  listOrdersResponse.parse(await (await fetch(`${address}/orders`, { headers })).json());
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
