// The events of a subscription.
import { DEADLINE } from "./pkv.js";

/** The next event of this name; rejects at the deadline and on an error event. */
export function next(subscriber, name) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name}`)), DEADLINE);
    const settle = (how) => (event) => {
      clearTimeout(timer);
      how(event);
    };
    subscriber.on("error", settle(reject));
    subscriber.on(name, settle(resolve));
  });
}
