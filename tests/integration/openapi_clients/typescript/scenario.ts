// What every generated client does with a running service: places, reads, lists, cancels and follows orders.

declare const process: { argv: string[]; exitCode?: number };

export interface Placement {
  order_id?: string;
  user_id: string;
  item_ids: string[];
  total_amount: string;
  currency?: string;
  attributes?: { [key: string]: unknown };
}

export interface Kept {
  order_id: string;
  item_ids: string[];
  total_amount: string;
  attributes: unknown;
  status: string;
  version: number;
}

/** An answer: the HTTP status, and a value or the code of a problem. */
export interface Answer<T> {
  status: number;
  value?: T;
  code?: string;
}

export interface Page {
  orders: Kept[];
  next: string | null;
}

/** What a generated client is asked to do; each file beside this one does it with the code of one generator. */
export interface Shop {
  place(order: Placement, idempotencyKey?: string): Promise<Answer<{ order_id?: string }>>;
  read(orderId: string): Promise<Answer<Kept>>;
  list(userId: string, limit: number, cursor?: string): Promise<Answer<Page>>;
  cancel(orderId: string, ifMatch?: string): Promise<Answer<Kept>>;
  follow(orderId: string): Promise<string[]>;
}

function equal(found: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  }
}

/** The types of the events in the text of a stream, but for the first, which says where the stream begins. */
export function eventTypes(stream: string): string[] {
  const types = [...stream.matchAll(/^event: (.*)$/gm)].map((match) => match[1] ?? "");
  return types.filter((type) => type !== "ready");
}

async function play(shop: Shop, [first, second]: [Placement, Placement]): Promise<void> {
  const { order_id: orderId = "", user_id: userId } = first;
  equal((await shop.place(first)).status, 201, "placed");
  equal((await shop.place(first)).status, 201, "placed again");
  const other = await shop.place({ ...first, total_amount: "0.01" });
  equal([other.status, other.code], [409, "order_conflict"], "placed with other content");

  const { order_id: _, ...unnamed } = second;
  const made = (await shop.place(unnamed, `key of ${orderId}`.replaceAll(" ", "-"))).value?.order_id;
  const again = (await shop.place(unnamed, `key of ${orderId}`.replaceAll(" ", "-"))).value?.order_id;
  equal([typeof made, again], ["string", made], "the id under one key");

  const read = (await shop.read(orderId)).value;
  equal([read?.item_ids, read?.total_amount, read?.attributes], [first.item_ids, first.total_amount, first.attributes], "read");
  equal([read?.status, read?.version], ["Pending", 1], "the status");
  const missing = await shop.read("nobody");
  equal([missing.status, missing.code], [404, "order_not_found"], "an order that is not there");

  const newest = (await shop.list(userId, 1)).value;
  equal(newest?.orders.map((each) => each.order_id), [made], "the first page");
  const oldest = (await shop.list(userId, 1, newest?.next ?? "")).value;
  equal([oldest?.orders.map((each) => each.order_id), oldest?.next], [[orderId], null], "the second page");

  const stale = await shop.cancel(orderId, '"99"');
  equal([stale.status, stale.code], [412, "version_mismatch"], "cancelled at another version");
  const cancelled = (await shop.cancel(orderId, '"1"')).value;
  equal([cancelled?.status, cancelled?.version], ["Cancelled", 2], "cancelled");
  equal(await shop.follow(orderId), ["placed", "cancelled"], "followed");
}

/** Plays with the shop that `open` makes of an address and a key. */
export function main(open: (address: string, key: string) => Shop): void {
  const [address = "", key = "", orders = "[]"] = process.argv.slice(2);
  play(open(address, key), JSON.parse(orders)).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
