import type { Headers } from './client.js'

export interface Envelope {
  /** Unique among the records of this type. */
  readonly id: string
  /** What made it: a command and its group, as a URI reference. */
  readonly source: string
  /** `stanflow.embedding.v1` */
  readonly type: string
  readonly contentType: string
  readonly time: Date
  /** W3C trace context of what led to it. */
  readonly traceparent?: string
  readonly tracestate?: string
}

/** CloudEvents 1.0 in binary mode, as its Kafka binding has it; trace context as its own headers. */
export function headersOf({
  id,
  source,
  type,
  contentType,
  time,
  traceparent,
  tracestate,
}: Envelope): Headers {
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: source,
    ce_type: type,
    ce_time: time.toISOString(),
    'content-type': contentType,
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
  }
}

/** As W3C writes them; whatever else a record brings goes no further, be it only for its size. */
const PARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/
const MOST_STATE = 512

/** Trace context that came with a record. */
export function traceOf({ traceparent, tracestate }: Headers): Pick<Envelope, 'traceparent' | 'tracestate'> {
  if (traceparent === undefined || !PARENT.test(traceparent)) return {}
  const isFit = tracestate !== undefined && tracestate.length <= MOST_STATE
  return { traceparent, ...(isFit && { tracestate }) }
}
