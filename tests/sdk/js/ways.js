// The ways in which a client can have a command executed.
import { connect } from "./pkv.js";

/** Where the client keeps commands of a family: `redis.json.get`. */
const namespaces = ["functions", "json"];

/** Makers of clients; all that a client of theirs is asked for goes that way. */
export const ways = {
  "in an automatic pipeline": () => client({ enableAutoPipelining: true }),
  "by itself": () => client({ enableAutoPipelining: false }),
  "in a pipeline": () => batched(client({ enableAutoPipelining: false }), "pipeline"),
  "in a transaction": () => batched(client({ enableAutoPipelining: false }), "multi"),
};

const client = (options) => connect({ enableTelemetry: true, ...options });

/** The methods that a pipeline does not have: they are the client's, whatever the way. */
export function notBatched(redis) {
  const pipeline = redis.pipeline();
  return (name) => name === "exec" || !(name in pipeline);
}

/** A client whose methods each make a batch of one command, execute it and give its result. */
function batched(redis, kind) {
  const isNotBatched = notBatched(redis);
  const executed = async (pipeline) => (await pipeline.exec())[0];
  return new Proxy(redis, {
    get(redis, name) {
      if (isNotBatched(name)) return redis[name];
      if (namespaces.includes(name)) {
        return new Proxy(redis[name], {
          get:
            (_, method) =>
            (...args) =>
              executed(redis[kind]()[name][method](...args)),
        });
      }
      if (name === "bitfield") {
        // Its own exec only puts the command into the pipeline.
        return (...args) => {
          const command = redis[kind]().bitfield(...args);
          const chain = command.exec.bind(command);
          return Object.assign(command, { exec: () => executed(chain()) });
        };
      }
      return (...args) => executed(redis[kind]()[name](...args));
    },
  });
}

/** The names of a client's methods, `functions.load` for one in a namespace. */
export function methodsOf(redis) {
  const names = Object.getOwnPropertyNames(redis).filter((name) => isFunction(redis[name]));
  for (
    let prototype = Object.getPrototypeOf(redis);
    prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      if (name === "constructor") continue;
      if (isFunction(redis[name])) names.push(name);
      if (isNamespace(redis, name)) {
        names.push(...Object.keys(redis[name]).map((method) => `${name}.${method}`));
      }
    }
  }
  return [...new Set(names)];
}

/** The client, except that it notes the names of the methods that are called. */
export function noting(redis, called, prefix = "") {
  return new Proxy(redis, {
    get(redis, name) {
      const value = redis[name];
      if (isFunction(value)) {
        return (...args) => {
          called.add(prefix + name);
          return value.apply(redis, args);
        };
      }
      return namespaces.includes(name) ? noting(value, called, `${name}.`) : value;
    },
  });
}

const isFunction = (value) => typeof value === "function";

/** Namespaces are made by getters of the class; they hold methods. */
const isNamespace = (redis, name) => typeof redis[name] === "object" && redis[name] !== null;
