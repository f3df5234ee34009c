// What each program writes: one line of JSON for every event that its client hands on, also for one without a type,
// which clients call "message".
export const TYPES = ["ready", "placed", "dropped", "message"];

export function tell(type, id, data) {
  process.stdout.write(JSON.stringify({ type, id, data }) + "\n");
}

export function listen(source) {
  for (const type of TYPES) source.addEventListener(type, event => tell(type, event.lastEventId, event.data));
}
