// Sixty payments by fetch, each tried again with one key.  resim serve payments.yaml -- node pay.mjs
// Its argument is the time between two payments in seconds, 0.1 if there is none.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const url = process.env.RESIM_URL + "/payments";
const pause = 1000 * Number(process.argv[2] ?? 0.1);

async function pay(order) {
  const key = randomUUID(); // one for all tries
  for (let tries = 1; tries <= 8; tries++) {
    let wait = Math.min(1000, 100 * 2 ** (tries - 1));
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "Idempotency-Key": key, "Content-Type": "application/json" },
        body: JSON.stringify({ order }),
        signal: AbortSignal.timeout(500),
      });
      await answer.text(); // a body that is cut short fails here
      if (answer.ok) return true;
      wait = Math.max(wait, 1000 * Number(answer.headers.get("retry-after") ?? 0));
    } catch (error) {
      if (tries === 8) console.error(`order ${order}: ${error.cause?.code ?? error.name}`);
    }
    if (tries < 8) await sleep(wait);
  }
  return false;
}

const payments = [];
for (let order = 0; order < 60; order++) {
  payments.push(pay(order));
  await sleep(pause);
}
const paid = (await Promise.all(payments)).filter(Boolean).length;
console.log(`node paid ${paid} of 60`);
process.exit(paid >= 55 ? 0 : 1);
