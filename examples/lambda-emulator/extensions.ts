import { randomUUID } from 'node:crypto';
import { ApiError } from './errors';
import type { Parking } from './parking';

export type ExtensionEvent = 'INVOKE' | 'SHUTDOWN';

/** Lambda's own limit. */
const maxExtensions = 10;

/** Milliseconds that Lambda gives a sandbox to end by itself. */
interface ShutdownTimes {
  /** From the runtime's SIGTERM to its SIGKILL. */
  readonly runtimeMs: number;
  /** From the beginning until what is left gets SIGKILL. */
  readonly allMs: number;
}

/** A registered extension. */
export class Extension {
  readonly id: string = randomUUID();

  constructor(
    readonly name: string,
    readonly events: ReadonlySet<ExtensionEvent>,
    readonly parking: Parking,
    /** A process of its own; an internal one is a part of the runtime's. */
    readonly isExternal: boolean,
  ) {}

  deliver(event: object): void {
    const headers = { 'Lambda-Extension-Event-Identifier': randomUUID() };
    this.parking.deliver({ headers, body: JSON.stringify(event) });
  }
}

/**
 * The extensions that have registered. While the extensions start, each registration is one of theirs. Once the runtime has been
 * started, a registration is that of an internal extension, which is in the runtime's process. When the runtime first asks for
 * an event, the registration closes.
 */
export class ExtensionRegistry {
  readonly #byId = new Map<string, Extension>();
  phase: 'external' | 'internal' | 'closed' = 'external';

  get all(): Extension[] {
    return [...this.#byId.values()];
  }

  /** https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown */
  get shutdownTimes(): ShutdownTimes {
    if (this.#byId.size === 0) return { runtimeMs: 0, allMs: 0 };
    const hasExternal = this.all.some(({ isExternal }) => isExternal);
    return hasExternal ? { runtimeMs: 300, allMs: 2_000 } : { runtimeMs: 500, allMs: 500 };
  }

  register(name: string | undefined, body: Buffer, parking: Parking): Extension {
    if (!name) throw new ApiError(403, 'Extension.InvalidExtensionName', 'Empty extension name');
    const events = parseEvents(body);
    if (this.phase === 'closed') {
      throw new ApiError(403, 'Extension.RegistrationClosed', 'Extension registration closed already');
    }
    if (this.phase === 'internal' && events.has('SHUTDOWN')) {
      throw invalidEvent('SHUTDOWN', 'not for an internal extension');
    }
    if (this.all.some((other) => other.name === name)) {
      throw new ApiError(403, 'Extension.InvalidExtensionState', 'Extension with this name already registered');
    }
    if (this.#byId.size >= maxExtensions) {
      throw new ApiError(403, 'Extension.TooManyExtensions', `Extension limit (${maxExtensions}) reached`);
    }
    const extension = new Extension(name, events, parking, this.phase === 'external');
    this.#byId.set(extension.id, extension);
    return extension;
  }

  /** Who is calling, by the identifier that it was given when it registered. */
  find(id: string | undefined): Extension {
    if (!id) {
      throw new ApiError(403, 'Extension.MissingExtensionIdentifier', 'Missing Lambda-Extension-Identifier header');
    }
    if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id)) {
      throw new ApiError(403, 'Extension.InvalidExtensionIdentifier', 'Invalid Lambda-Extension-Identifier');
    }
    const extension = this.#byId.get(id.toLowerCase());
    if (!extension) throw new ApiError(403, 'Extension.UnknownExtensionIdentifier', `Unknown extension ${id}`);
    return extension;
  }
}

function parseEvents(body: Buffer): Set<ExtensionEvent> {
  let events: unknown;
  try {
    ({ events } = JSON.parse(body.toString()));
  } catch {
    throw new ApiError(403, 'InvalidRequestFormat', 'The body is not a JSON object');
  }
  if (events === undefined || events === null) return new Set();
  if (!Array.isArray(events)) throw new ApiError(403, 'InvalidRequestFormat', 'events is not an array');
  for (const event of events) {
    if (event !== 'INVOKE' && event !== 'SHUTDOWN') throw invalidEvent(event, 'not INVOKE or SHUTDOWN');
  }
  return new Set(events);
}

function invalidEvent(event: unknown, why: string): ApiError {
  return new ApiError(403, 'Extension.InvalidEventType', `${event}: ${why}`);
}
